"""Objects of triggers as an API server hands them out."""

from __future__ import annotations

from typing import Any


def trigger(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    """A trigger that the command made."""
    metadata = {"name": name, "namespace": "default", "labels": {"created-by": "kubeless"}}
    return {"apiVersion": "kubeless.io/v1beta1", "kind": kind, "metadata": metadata, "spec": spec}
