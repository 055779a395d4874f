"""Every name, label and annotation that a function's objects get."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tidegate.api.function import Function
from tidegate.api.metadata import Custom

Object = dict[str, Any]

REVISION = "kubeless.io/revision"
"""The annotation of a pod template that changes when anything does that its pods depend on."""

PREPARE, INSTALL, COMPILE = "prepare", "install", "compile"
FUNCTION_PORT = "http-function-port"
"""Starts with http- for service meshes that go by the name."""

LONGEST_LABEL = 63
LONGEST_NAME = 253
_DIGEST = 8

# What tools write about the object itself would be a lie on its children; and
# last-applied-configuration holds the whole source text.
_PRIVATE = ("kubectl.kubernetes.io/", "meta.helm.sh/", "argocd.argoproj.io/", "kubeless.io/")


def selector_labels(name: str) -> dict[str, str]:
    """Return the labels by which a function's pods are found; they never change."""
    return {"created-by": "kubeless", "function": name}


def object_labels(function: Function) -> dict[str, str]:
    """Return the labels of every object of `function`: its own, and ours over them."""
    return {
        **function.metadata.labels,
        **selector_labels(function.name),
        "app.kubernetes.io/managed-by": "tidegate",
    }


def inherited_annotations(owner: Custom) -> dict[str, str]:
    """Return the annotations that `owner` hands down."""
    own = owner.metadata.annotations
    return {name: own[name] for name in own if not name.startswith(_PRIVATE)}


def object_metadata(function: Function, name: str = "") -> Object:
    """Return the metadata of an object that goes when `function` goes."""
    return {
        "name": name or function.name,
        "namespace": function.namespace,
        "labels": object_labels(function),
        "ownerReferences": [owner_reference(function)],
    }


def owner_reference(owner: Custom) -> Object:
    """Return the reference that names `owner` as what controls an object."""
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def code_volume(name: str) -> str:
    """Return the volume with the prepared function."""
    return name


def source_volume(name: str) -> str:
    """Return the volume with the entries of the ConfigMap."""
    return limited(f"{name}-deps")


def scratch_volume(name: str) -> str:
    """Return the volume for temporary files."""
    return limited(f"{name}-tmp")


def secret_volume(secret: str) -> str:
    """Return the volume of a Secret that an image needs while it prepares."""
    return limited(f"secret-{secret.replace('.', '-')}")


def limited(text: str, limit: int = LONGEST_LABEL) -> str:
    """Return `text`, or what is left within `limit` with a digest that keeps it apart."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - _DIGEST - 1].rstrip('-.')}-{digest(text)[:_DIGEST]}"


def digest(text: str) -> str:
    """Return the SHA-256 of `text`, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def revision(*parts: Mapping[str, Any]) -> str:
    """Return a digest of `parts` that the order of keys does not change."""
    return digest(json.dumps(parts, sort_keys=True, ensure_ascii=False))[:16]
