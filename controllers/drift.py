"""Whether a child still is as it was asked for, told without asking the API server. Pure.

Every child carries a digest of what was applied. That tells a change of what is wanted, and what
the live object has tells a change by another hand. Values that the API server writes in another
way (0.5 and 500m) look like the latter, once: what an apply returned is known to be right.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.kube.objects import Object, lean

APPLIED = "kubeless.io/applied"
"""The annotation with the digest of what was applied."""

_LONGEST_KEPT = 64
_VOLATILE = ("creationTimestamp", "deletionTimestamp", "generation", "managedFields",
             "resourceVersion", "uid")  # fmt: skip


def digest(value: Any) -> str:
    """Return a digest of `value` that the order of keys does not change."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def stamped(wanted: Object) -> Object:
    """Return `wanted` with the digest of it as an annotation."""
    metadata = wanted["metadata"]
    annotations = {**metadata.get("annotations", {}), APPLIED: digest(wanted)}
    return {**wanted, "metadata": {**metadata, "annotations": annotations}}


def trimmed(child: Object) -> Object:
    """Drop from a child what no comparison needs, and keep of long texts only a digest.

    The code of a thousand functions is not held twice.
    """
    child = lean(child)
    entries = child.get("data")
    if isinstance(entries, dict):
        child["data"] = {name: _shortened(text) for name, text in entries.items()}
    return child


def _shortened(text: Any) -> Any:
    return f"sha256:{digest(text)}" if isinstance(text, str) and len(text) > _LONGEST_KEPT else text


def content(child: Object) -> str:
    """Return a digest of all in a child that somebody may have set; its status is not of it."""
    metadata = {key: child["metadata"][key] for key in child["metadata"] if key not in _VOLATILE}
    return digest({**{key: child[key] for key in child if key != "status"}, "metadata": metadata})


def is_settled(live: Object, wanted: Object) -> bool:
    """Return whether `live`, trimmed, came of `wanted`, stamped, and still has all of it."""
    annotations = live["metadata"].get("annotations") or {}
    applied = wanted["metadata"]["annotations"][APPLIED]
    return annotations.get(APPLIED) == applied and holds(live, trimmed(copy.copy(wanted)))


def holds(live: Any, wanted: Any) -> bool:
    """Return whether `live` has all of `wanted`; what it has on top was set by others.

    What is empty may be absent: the API server leaves out many such fields.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            holds(live[key], value) if key in live else not value for key, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return isinstance(live, list) and all(
            any(holds(one, each) for one in live) for each in wanted
        )
    return bool(live == wanted)
