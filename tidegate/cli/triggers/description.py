"""What there is to say of one trigger, in the form of `kubectl describe`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.cli.describing import (
    CONDITIONS,
    EVENTS,
    INDENT,
    event_row,
    fields,
    pairs,
    tabled,
)
from tidegate.cli.output import Columns, one_line
from tidegate.cli.triggers.objects import Object

Row = Mapping[str, Any]

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
    yield from fields(
        {
            "Name": metadata["name"],
            "Namespace": metadata.get("namespace"),
            "Kind": trigger["kind"],
            "Labels": pairs(metadata.get("labels")),
            "Annotations": pairs(metadata.get("annotations")),
            "Created": metadata.get("creationTimestamp") or "<unknown>",
        }
    )
    yield "Spec:"
    yield from _yaml(trigger.get("spec") or {})
    yield "Status:"
    told = {name: value for name, value in status.items() if name not in _TOLD_ELSEWHERE}
    yield from _yaml(told)
    yield from tabled("Conditions", status.get("conditions") or (), CONDITIONS)
    yield from tabled("Functions", description.rows, FUNCTIONS)
    yield from _errors(description.rows)
    if description.decisions:
        yield "Last decisions:"
        yield from (INDENT + line for line in description.decisions)
    if description.events is not None:
        yield from tabled("Events", [event_row(one) for one in description.events], EVENTS)


_TOLD_ELSEWHERE = ("conditions", "observedGeneration")


def _yaml(value: Mapping[str, Any]) -> Iterator[str]:
    import yaml

    if not value:
        yield f"{INDENT}<none>"
        return
    text = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True)
    yield from (INDENT + line for line in text.splitlines())


def _errors(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        said = row.get("reason") or row.get("lastError")
        if said:
            what = "Reason" if row.get("reason") else "Last error"
            yield one_line(f"{what}:  " + ": ".join(filter(None, (row.get("function"), said))))
