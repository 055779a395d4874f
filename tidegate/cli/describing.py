"""The parts of every description, in the form of `kubectl describe`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.cli.output import Columns, table

Object = Mapping[str, Any]
Row = Mapping[str, Any]

INDENT = "  "

CONDITIONS: Columns = (
    ("TYPE", "type"),
    ("STATUS", "status"),
    ("REASON", "reason"),
    ("SINCE", "lastTransitionTime"),
    ("MESSAGE", "message"),
)
EVENTS: Columns = (
    ("TYPE", "type"),
    ("REASON", "reason"),
    ("LAST", "last"),
    ("COUNT", "count"),
    ("MESSAGE", "message"),
)


def fields(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield labels with their values below each other; of a list each value has a line."""
    width = max(map(len, values)) + 1
    for label, value in values.items():
        first, *more = value if isinstance(value, list) else [value]
        yield f"{label + ':':<{width}}  {first}"
        yield from (f"{'':<{width}}  {one}" for one in more)


def pairs(values: Mapping[str, str] | None) -> list[str]:
    """Return labels or annotations, one a line."""
    return [f"{key}={value}" for key, value in sorted((values or {}).items())] or ["<none>"]


def tabled(title: str, rows: Sequence[Row], columns: Columns) -> Iterator[str]:
    """Yield a table below its title."""
    if not rows:
        yield f"{title}:  <none>"
        return
    yield f"{title}:"
    yield from (INDENT + line for line in table(rows, columns).splitlines())


def event_row(obj: Object) -> Row:
    """Return one of Kubernetes's Events as a row of `EVENTS`."""
    series = obj.get("series") or {}
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime")
    return {
        "type": obj.get("type"),
        "reason": obj.get("reason"),
        "last": last,
        "count": series.get("count") or obj.get("count") or 1,
        "message": obj.get("message"),
    }
