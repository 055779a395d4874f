"""Fields that others wrote on an object before it became ours, taken over so that they can go.

Server-side apply removes only what its own manager applied before. On a Deployment that Kubeless
made, all that is not wanted any more would stay otherwise: variables, arguments, probes. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.kube.client import FIELD_MANAGER
from tidegate.kube.objects import Object

_AT_WORK = frozenset({"kube-controller-manager"})
"""Who goes on writing, such as the number of a Deployment's revision."""

_APPLY = "Apply"


def taken_over(entries: Iterable[Object], api_version: str) -> list[Object]:
    """Return `managedFields` by which all that was written by whoever is as if we had applied it.

    Fields that others applied, and those of subresources, stay theirs.
    """
    kept: list[Object] = []
    ours: Object = {}
    for entry in entries:
        if _is_taken(entry):
            ours = _union(ours, entry.get("fieldsV1") or {})
        else:
            kept.append(entry)
    ours.pop("f:status", None)
    return [*kept, _entry(ours, api_version)] if ours else kept


def _is_taken(entry: Object) -> bool:
    if entry.get("subresource") or entry.get("manager") in _AT_WORK:
        return False
    return entry.get("operation") != _APPLY or entry.get("manager") == FIELD_MANAGER


def _entry(fields: Object, api_version: str) -> Object:
    return {
        "manager": FIELD_MANAGER,
        "operation": _APPLY,
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }


def _union(one: Any, other: Any) -> Any:
    both = {**one, **other}
    for key in one.keys() & other.keys():
        both[key] = _union(one[key], other[key])
    return both
