"""What keeps a function's containers apart from the node: Pod Security's "restricted". Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controllers.desired.findings import Findings
from controllers.desired.merge import with_default

Object = dict[str, Any]

POD: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "fsGroup": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def restricted_pod(spec: Object, place: str, found: Findings) -> Object:
    """Return a pod's spec that runs as nobody special, where its author does not say otherwise."""
    result = with_default(spec, "securityContext", POD, place, found)
    if not (result.get("serviceAccountName") or result.get("serviceAccount")):
        result.setdefault("automountServiceAccountToken", False)
    return result


def restricted(container: Object, read_only: bool, place: str, found: Findings) -> Object:
    """Return `container` with the privileges that its author did not ask for taken away.

    `read_only` is for images that are known to write nowhere but to their volumes.
    """
    root = {"readOnlyRootFilesystem": True} if read_only else {}
    return with_default(container, "securityContext", {**CONTAINER, **root}, place, found)
