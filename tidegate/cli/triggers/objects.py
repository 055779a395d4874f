"""Objects from what a command line names, and what has to change in those that are there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.cli.errors import CommandError, ExitCode

Object = dict[str, Any]

LABELS = {"created-by": "kubeless"}
"""On what the command makes, as Kubeless's did."""

_MERGED = frozenset({"delivery", "jetstream"})
"""Fields of `spec` of which one part can be named alone; every other is replaced whole."""


def new_object(kind: str, name: str, namespace: str, spec: Mapping[str, Any]) -> Object:
    """Return an object of our group; without a namespace when that is not known."""
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    return {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": kind,
        "metadata": {**metadata, "labels": dict(LABELS)},
        "spec": overlaid({}, spec),
    }


def overlaid(spec: Mapping[str, Any], change: Mapping[str, Any]) -> Object:
    """Return `spec` with the fields of `change`; None takes one away."""
    after = dict(spec)
    for field, value in change.items():
        if value is None:
            after.pop(field, None)
        elif field in _MERGED:
            after[field] = overlaid(after.get(field) or {}, value)
        else:
            after[field] = value
    return after


def check_object(obj: Mapping[str, Any]) -> None:
    """Raise `CommandError` with every mistake that `tidegate validate` would find in `obj`."""
    from tidegate.api.loader import resource_from

    _, problems = resource_from(obj)
    if problems:
        raise CommandError(" ".join(f"{problem}." for problem in problems)[:-1], ExitCode.USAGE)
