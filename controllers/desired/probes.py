"""How a function's pod is asked whether it has started, lives and is ready. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controllers.desired.blueprint import Blueprint

Object = dict[str, Any]

_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")

_LIVENESS: Mapping[str, Any] = {"periodSeconds": 30, "timeoutSeconds": 10, "failureThreshold": 3}
_READINESS: Mapping[str, Any] = {"periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 3}
# Asked often, so that a cold start is noticed when it is over; two minutes for slow ones.
_STARTUP: Mapping[str, Any] = {"periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 120}


def with_probes(container: Object, plan: Blueprint) -> Object:
    """Return `container` with the probes that it does not have; an empty one means none."""
    result = dict(container)
    runtime = plan.runtime
    given = dict(runtime.liveness) if runtime else {}
    liveness = result.setdefault(
        "livenessProbe", given or {"httpGet": _get("/healthz", plan), **_LIVENESS}
    )
    asked = {name: liveness[name] for name in _HANDLERS if name in liveness}
    if asked:
        result.setdefault("startupProbe", {**asked, **_STARTUP})
        result.setdefault("readinessProbe", {**_readiness(asked, plan, container), **_READINESS})
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if not result.get(name, True):
            del result[name]
    return result


def _readiness(asked: Object, plan: Blueprint, container: Object) -> Object:
    """Ask for the function itself where the server can tell; other images, and those of Kubeless,
    would call the function with that path."""
    if plan.is_own(container.get("image")):
        return {"httpGet": _get("/readyz", plan)}
    return asked


def _get(path: str, plan: Blueprint) -> Object:
    return {"path": path, "port": plan.port}
