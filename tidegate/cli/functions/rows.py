"""Functions as rows of a list. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidegate.cli.output import Columns

Object = Mapping[str, Any]

COLUMNS: Columns = (
    ("NAME", "name"),
    ("NAMESPACE", "namespace"),
    ("HANDLER", "handler"),
    ("RUNTIME", "runtime"),
    ("DEPENDENCIES", "dependencies"),
    ("STATUS", "status"),
)
WIDE: Columns = (
    ("MEMORY", "memory"),
    ("ENV", "env"),
    ("LABEL", "label"),
    ("URL", "url"),
    ("REASON", "reason"),
)

MISSING = "MISSING: Check controller logs"


def row(function: Object) -> dict[str, Any]:
    """Return one function as a row."""
    metadata, spec = function["metadata"], function.get("spec") or {}
    status = function.get("status") or {}
    return {
        "name": metadata["name"],
        "namespace": metadata.get("namespace"),
        "handler": spec.get("handler"),
        "runtime": spec.get("runtime"),
        "dependencies": dependencies(spec.get("deps", "")),
        "status": state(status),
        "memory": memory(function),
        "env": [f"{name}={value}" for name, value in variables(function)],
        "label": [f"{key}={value}" for key, value in (metadata.get("labels") or {}).items()],
        "url": status.get("url"),
        "reason": reason(status),
    }


def state(status: Object) -> str:
    """Say how many of its processes take calls."""
    if not status.get("conditions"):
        return MISSING
    ready, wanted = status.get("readyReplicas", 0), status.get("replicas", 0)
    word = "READY" if _ready(status).get("status") == "True" else "NOT READY"
    return f"{ready}/{wanted} {word}"


def reason(status: Object) -> str:
    """Say why it is not ready."""
    ready = _ready(status)
    return "" if ready.get("status") == "True" else str(ready.get("message") or "")


def dependencies(text: str) -> list[str]:
    """Return what a function depends on: the names in JSON, else its lines."""
    try:
        loaded = json.loads(text)
    except ValueError:
        return [line.strip() for line in text.splitlines() if line.strip()]
    return list(loaded.get("dependencies") or {}) if isinstance(loaded, dict) else []


def memory(function: Object) -> str | None:
    """Return the limit of its memory."""
    limits = (container(function).get("resources") or {}).get("limits") or {}
    return limits.get("memory")


def variables(function: Object) -> list[tuple[str, str]]:
    """Return its environment; what comes from elsewhere is not shown."""
    return [
        (str(one.get("name")), str(one.get("value", "")) if "valueFrom" not in one else "<from>")
        for one in container(function).get("env") or []
    ]


def container(function: Object) -> Object:
    """Return what the function says of its container."""
    spec: Any = function.get("spec") or {}
    for field in ("deployment", "spec", "template", "spec"):
        spec = spec.get(field) or {}
    containers = spec.get("containers") or [{}]
    found: Object = containers[0]
    return found


def _ready(status: Object) -> Object:
    conditions = status.get("conditions") or ()
    return next((one for one in conditions if one.get("type") == "Ready"), {})
