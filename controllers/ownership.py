"""Whose an object is that has the name of one of ours. Pure."""

from __future__ import annotations

from enum import Enum

from tidegate.kube.objects import Object, uid_of

CREATED_BY = {"created-by": "kubeless"}
"""The label of everything that is made for the objects of our group; Kubeless wrote it too."""


class Standing(Enum):
    """What an object is to one of ours that would have a child of that name."""

    OURS = "ours"
    """Its child, or one that Kubeless left without a controller."""

    LEFT_BEHIND = "left behind"
    """The child of one that had the same name and is gone; it only waits to be collected."""

    FOREIGN = "foreign"


def standing(child: Object, owner: Object) -> Standing:
    """Return what `child` is to `owner`."""
    owners = child["metadata"].get("ownerReferences") or []
    if any(each.get("uid") == uid_of(owner) for each in owners):
        return Standing.OURS
    if any(_has_name_of(each, owner) for each in owners):
        return Standing.LEFT_BEHIND
    return Standing.FOREIGN if owners or not _is_labelled(child) else Standing.OURS


def owner_text(child: Object) -> str:
    """Say in a sentence whose a foreign object is."""
    owners = child["metadata"].get("ownerReferences") or []
    if owners:
        return f"it belongs to {owners[0].get('kind')} {owners[0].get('name')}"
    return "nothing says that it was made for this object"


def _has_name_of(reference: Object, owner: Object) -> bool:
    return (
        reference.get("kind") == owner["kind"]
        and reference.get("name") == owner["metadata"]["name"]
        and _group(reference) == _group(owner)
    )


def _group(obj: Object) -> str:
    return str(obj.get("apiVersion", "")).partition("/")[0]


def _is_labelled(child: Object) -> bool:
    labels = child["metadata"].get("labels") or {}
    return CREATED_BY.items() <= labels.items()
