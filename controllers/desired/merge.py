"""The rule by which what a user writes is laid over what would be made without it.

Mappings are merged key by key, lists that have a key (containers by name, ports by number) entry
by entry; every other value replaces. A null is an absent field, as everywhere in Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controllers.desired.findings import Findings
from tidegate.api.problem import shown

Object = dict[str, Any]

KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("port", "containerPort", "protocol"),
}
"""Lists whose entries are told apart, and by what."""

MERGED_ENTRIES = frozenset({"containers", "initContainers", "ports"})
"""Of these, an entry is merged into the one with its key; elsewhere it replaces it, since the
fields of a volume or of a variable exclude each other."""

WHOLE = frozenset(
    {
        "affinity", "livenessProbe", "postStart", "preStop", "readinessProbe", "selector",
        "startupProbe", "strategy",
    }
)  # fmt: skip
"""Mappings whose fields exclude each other or only make sense together."""

OFF = frozenset(
    {
        "affinity", "lifecycle", "livenessProbe", "readinessProbe", "securityContext",
        "startupProbe",
    }
)  # fmt: skip
"""An empty mapping here means that there shall be none, where a default would be made."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any], place: str, found: Findings) -> Object:
    """Return `base` with `over` laid over it; a part of the wrong shape is noted in `found`.

    Neither is changed, but the result shares with them what is equal.
    """
    result = dict(base)
    for key, value in over.items():
        if value is not None:
            inner = f"{place}.{key}" if place else key
            result[key] = _laid_over(key, result.get(key), value, inner, found)
    return result


def _laid_over(key: str, base: Any, over: Any, place: str, found: Findings) -> Any:
    if key in KEYS:
        return _entries(key, base if isinstance(base, list) else [], over, place, found)
    if isinstance(base, Mapping):
        return _mapping(key, base, over, place, found)
    return merged({}, over, place, found) if isinstance(over, Mapping) else over


def _mapping(key: str, base: Mapping[str, Any], over: Any, place: str, found: Findings) -> Any:
    if not isinstance(over, Mapping):
        found.refuse(place, f"is {shown(over)}", "write a mapping")
        return base
    if not over:
        return {} if key in OFF else base
    return merged({} if key in WHOLE else base, over, place, found)


def _entries(key: str, base: list[Any], over: Any, place: str, found: Findings) -> list[Any]:
    result = {_identity(key, entry): entry for entry in base}
    for index, entry in _objects(over, place, found):
        inner, identity = f"{place}[{index}]", _identity(key, entry)
        if not any(identity[:-1] if key == "ports" else identity):
            found.refuse(inner, f"has no {KEYS[key][0]}", "write one, by which it is told apart")
        elif key in MERGED_ENTRIES:
            result[identity] = merged(result.get(identity, {}), entry, inner, found)
        else:
            result[identity] = {name: entry[name] for name in entry if entry[name] is not None}
    return list(result.values())


def _objects(value: Any, place: str, found: Findings) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not isinstance(value, list):
        found.refuse(place, f"is {shown(value)}", "write a list")
        return
    for index, entry in enumerate(value):
        if isinstance(entry, Mapping):
            yield index, entry
        else:
            found.refuse(f"{place}[{index}]", f"is {shown(entry)}", "write a mapping")


def _identity(key: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    default = {"protocol": "TCP"}
    return tuple(str(entry.get(name) or default.get(name, "")) for name in KEYS[key])


def with_default(
    owner: Object, key: str, default: Mapping[str, Any], place: str, found: Findings
) -> Object:
    """Return `owner` with what it says under `key` laid over `default`."""
    return {**owner, **merged({key: default}, {key: owner.get(key)}, place, found)}


def mapping(value: Any, place: str, found: Findings) -> Mapping[str, Any]:
    """Return `value` where it is a mapping, an empty one elsewhere; a wrong shape is noted."""
    if isinstance(value, Mapping):
        return value
    if value is not None:
        found.refuse(place, f"is {shown(value)}", "write a mapping")
    return {}


def unshared(value: Any) -> Any:
    """Return an equal value that shares no mapping and no list with anything, nor with itself."""
    if isinstance(value, Mapping):
        return {key: unshared(value[key]) for key in value}
    return [unshared(item) for item in value] if isinstance(value, list | tuple) else value
