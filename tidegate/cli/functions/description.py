"""What there is to say of one function, in the form of `kubectl describe`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.cli.describing import CONDITIONS, EVENTS, event_row, fields, pairs, tabled
from tidegate.cli.functions.rows import container, dependencies, memory, state, variables
from tidegate.cli.output import Columns

Object = Mapping[str, Any]

TRIGGERS: Columns = (
    ("NAME", "trigger"),
    ("KIND", "kind"),
    ("STATE", "state"),
    ("FROM", "from"),
    ("LAG", "lagEvents"),
    ("IN FLIGHT", "inFlight"),
    ("LAST EVENT", "lastEvent"),
)


@dataclass(frozen=True, slots=True)
class Description:
    """A function, the rows of its triggers, and what Kubernetes's Events tell of it.

    `events` is None where there are none to be had: on a laptop, or without the right to them.
    """

    function: Object
    triggers: Sequence[Object]
    events: Sequence[Object] | None = None


def text(description: Description) -> str:
    """Return the whole description."""
    return "\n".join(_lines(description))


def _lines(description: Description) -> Iterator[str]:
    function = description.function
    metadata, spec = function["metadata"], function.get("spec") or {}
    status = function.get("status") or {}
    yield from fields(
        {
            "Name": metadata["name"],
            "Namespace": metadata.get("namespace"),
            "Handler": spec.get("handler") or "<none>",
            "Runtime": spec.get("runtime") or "<none>",
            "Image": container(function).get("image") or "<that of the runtime>",
            "Label": pairs(metadata.get("labels")),
            "Annotations": pairs(metadata.get("annotations")),
            "Envvar": [f"{name}={value}" for name, value in variables(function)] or ["<none>"],
            "Memory": memory(function) or "<no limit>",
            "Timeout": spec.get("timeout") or "180",
            "Code": code(spec),
            "Dependencies": dependencies(spec.get("deps", "")) or ["<none>"],
            "Created": metadata.get("creationTimestamp") or "<unknown>",
            "Status": state(status),
            "URL": status.get("url") or "<none>",
        }
    )
    yield from tabled("Conditions", status.get("conditions") or (), CONDITIONS)
    yield from tabled("Triggers", description.triggers, TRIGGERS)
    if description.events is not None:
        yield from tabled("Events", [event_row(one) for one in description.events], EVENTS)


def code(spec: Object) -> str:
    """Say in one line what code it is."""
    content, kind = str(spec.get("function", "")), spec.get("function-content-type") or "text"
    if not content:
        return "<in the image>"
    if kind.startswith("url"):
        return f"{content} ({kind})"
    return f"{len(content)} bytes ({kind}) {spec.get('checksum') or ''}".rstrip()
