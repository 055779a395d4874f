"""What there is to say of one trigger, in the form of `kubectl describe`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.cli.output import Columns, table
from tidegate.cli.triggers.objects import Object

Row = Mapping[str, Any]

INDENT = "  "

CONDITIONS: Columns = (
    ("TYPE", "type"),
    ("STATUS", "status"),
    ("REASON", "reason"),
    ("SINCE", "lastTransitionTime"),
    ("MESSAGE", "message"),
)
FUNCTIONS: Columns = (
    ("FUNCTION", "function"),
    ("STATE", "state"),
    ("RECEIVED", "received"),
    ("DELIVERED", "delivered"),
    ("DEAD LETTERED", "deadLettered"),
    ("IN FLIGHT", "inFlight"),
    ("PARKED", "parked"),
    ("LAG", "lagEvents"),
    ("BREAKER", "breaker"),
    ("LAST EVENT", "lastEvent"),
)
EVENTS: Columns = (
    ("TYPE", "type"),
    ("REASON", "reason"),
    ("LAST", "last"),
    ("COUNT", "count"),
    ("MESSAGE", "message"),
)


@dataclass(frozen=True, slots=True)
class Description:
    """A trigger, its rows of `trigger list`, and what Kubernetes's Events tell of it.

    `events` is None where there are none to be had: on a laptop, or without the right to them.
    """

    trigger: Object
    rows: Sequence[Row]
    events: Sequence[Object] | None = None
    decisions: Sequence[str] = ()
    """Lines on what became of the last events."""


def text(description: Description) -> str:
    """Return the whole description."""
    return "\n".join(_lines(description))


def _lines(description: Description) -> Iterator[str]:
    trigger = description.trigger
    metadata, status = trigger["metadata"], trigger.get("status") or {}
    yield from _fields(
        {
            "Name": metadata["name"],
            "Namespace": metadata.get("namespace"),
            "Kind": trigger["kind"],
            "Labels": _pairs(metadata.get("labels")),
            "Annotations": _pairs(metadata.get("annotations")),
            "Created": metadata.get("creationTimestamp") or "<unknown>",
        }
    )
    yield "Spec:"
    yield from _yaml(trigger.get("spec") or {})
    yield "Status:"
    told = {name: value for name, value in status.items() if name not in _TOLD_ELSEWHERE}
    yield from _yaml(told)
    yield from _tabled("Conditions", status.get("conditions") or (), CONDITIONS)
    yield from _tabled("Functions", description.rows, FUNCTIONS)
    yield from _errors(description.rows)
    if description.decisions:
        yield "Last decisions:"
        yield from (INDENT + line for line in description.decisions)
    if description.events is not None:
        yield from _tabled("Events", [_event(one) for one in description.events], EVENTS)


_TOLD_ELSEWHERE = ("conditions", "observedGeneration")


def _fields(fields: Mapping[str, Any]) -> Iterator[str]:
    width = max(map(len, fields)) + 1
    for label, value in fields.items():
        first, *more = value if isinstance(value, list) else [value]
        yield f"{label + ':':<{width}}  {first}"
        yield from (f"{'':<{width}}  {one}" for one in more)


def _pairs(pairs: Mapping[str, str] | None) -> list[str]:
    return [f"{key}={value}" for key, value in sorted((pairs or {}).items())] or ["<none>"]


def _yaml(value: Mapping[str, Any]) -> Iterator[str]:
    import yaml

    if not value:
        yield f"{INDENT}<none>"
        return
    text = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True)
    yield from (INDENT + line for line in text.splitlines())


def _tabled(title: str, rows: Sequence[Row], columns: Columns) -> Iterator[str]:
    if not rows:
        yield f"{title}:  <none>"
        return
    yield f"{title}:"
    yield from (INDENT + line for line in table(rows, columns).splitlines())


def _errors(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        said = row.get("reason") or row.get("lastError")
        if said:
            what = "Reason" if row.get("reason") else "Last error"
            yield f"{what}:  {row['function']}: {said}"


def _event(obj: Object) -> Row:
    series = obj.get("series") or {}
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime")
    return {
        "type": obj.get("type"),
        "reason": obj.get("reason"),
        "last": last,
        "count": series.get("count") or obj.get("count") or 1,
        "message": obj.get("message"),
    }
