"""The resources that a gateway follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tidegate.api.kinds import CUSTOM_KINDS
from tidegate.api.metadata import GROUP, VERSION
from tidegate.kube.objects import Object, lean
from tidegate.kube.resources import Resource

FUNCTION = "Function"

RESOURCES: Mapping[str, Resource] = {
    kind: Resource(GROUP, VERSION, f"{kind.lower()}s", kind) for kind in CUSTOM_KINDS
}
"""Our own kinds, by name."""


def kept_of_trigger(obj: Object) -> Object:
    """Return what matters of a trigger: all that its user wrote."""
    lean(obj).pop("status", None)
    return obj


def kept_of_function(obj: Object) -> Object:
    """Return what matters of a function here: its labels and its timeout, but not its code.

    So a gateway does not hold the code of a whole cluster, and a mistake in what only concerns the
    function's pods does not stop its events.
    """
    kept_of_trigger(obj)
    spec = obj.get("spec")
    timeout = spec.get("timeout") if isinstance(spec, dict) else None
    image = {"spec": {"template": {"spec": {"containers": [{"image": "any"}]}}}}
    obj["spec"] = {"deployment": image} | ({} if timeout is None else {"timeout": timeout})
    return obj


def kept_of(kind: str) -> Callable[[Object], Object]:
    """Return what trims an object of a kind to what matters here."""
    return kept_of_function if kind == FUNCTION else kept_of_trigger
