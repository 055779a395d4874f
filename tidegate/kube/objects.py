"""Kubernetes objects as they come over the wire, and what names one of them."""

from __future__ import annotations

from typing import Any, NamedTuple

Object = dict[str, Any]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class ObjectKey(NamedTuple):
    """What names an object among those of its resource; `namespace` is empty for the cluster's."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def key_of(obj: Object) -> ObjectKey:
    """Return what names `obj`."""
    metadata = obj["metadata"]
    return ObjectKey(metadata.get("namespace", ""), metadata["name"])


def version_of(obj: Object) -> str:
    """Return the resource version; empty when the object has none."""
    version: str = obj["metadata"].get("resourceVersion", "")
    return version


def uid_of(obj: Object) -> str:
    """Return the uid, which no two objects ever share; empty when the object has none."""
    uid: str = obj["metadata"].get("uid", "")
    return uid


def lean(obj: Object) -> Object:
    """Drop from `obj` the bookkeeping of writers, often most of its bytes, and return it."""
    metadata = obj["metadata"]
    metadata.pop("managedFields", None)
    annotations = metadata.get("annotations")
    if annotations and annotations.pop(_LAST_APPLIED, None) is not None and not annotations:
        del metadata["annotations"]
    return obj


def owner_reference(owner: Object) -> Object:
    """Return the reference by which `owner` takes what it controls with it when it goes."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
