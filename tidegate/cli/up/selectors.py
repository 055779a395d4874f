"""Label and field selectors as kubectl writes them, as far as the command line uses them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Labels = Mapping[str, str]
_SETS = re.compile(r"^(?P<key>\S+)\s+(?P<word>in|notin)\s+\((?P<values>[^()]*)\)$")
_BETWEEN = re.compile(r",(?![^()]*\))")


def accepts(selector: str, labels: Labels) -> bool:
    """Tell whether `labels` meet each requirement. Raises `ValueError` for none that is known."""
    return all(_requirement(part.strip())(labels) for part in _BETWEEN.split(selector) if part)


def accepts_fields(selector: str, obj: Mapping[str, Any]) -> bool:
    """Tell whether the name and namespace of `obj` are those asked for. Raises `ValueError`."""
    metadata = obj["metadata"]
    known = {f"metadata.{name}": str(metadata[name]) for name in ("name", "namespace")}
    for part in filter(None, selector.split(",")):
        field, equals, value = part.partition("=")
        if not equals or field not in known:
            raise ValueError(f"field selector {part!r}: only metadata.name and metadata.namespace")
        if known[field] != value.removeprefix("="):
            return False
    return True


def _requirement(part: str) -> Callable[[Labels], bool]:
    found = _SETS.match(part)
    if found is not None:
        key, values = found["key"], {one.strip() for one in found["values"].split(",")}
        within = found["word"] == "in"
        return lambda labels: (labels.get(key) in values) is within
    for sign, equal in (("!=", False), ("==", True), ("=", True)):
        key, there, value = part.partition(sign)
        if there:
            return _equality(key.strip(), value.strip(), equal)
    if part.startswith("!"):
        return lambda labels: part[1:] not in labels
    if not part or " " in part:
        raise ValueError(f"label selector {part!r} is not understood")
    return lambda labels: part in labels


def _equality(key: str, value: str, equal: bool) -> Callable[[Labels], bool]:
    return lambda labels: (labels.get(key) == value) is equal
