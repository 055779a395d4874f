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


USABLE = "usableReplicas"
"""Field of a status: among how many replicas the broker can share a trigger."""


def kept_of_trigger(obj: Object) -> Object:
    """Return what matters of a trigger: all that its user wrote, and who can share it."""
    usable = usable_replicas(lean(obj))
    obj.pop("status", None)
    if usable is not None:
        obj["status"] = {USABLE: usable}
    return obj


def usable_replicas(obj: Object) -> int | None:
    """Return among how many replicas a trigger can be shared, as gateways told; None if unknown."""
    status = obj.get("status")
    usable = status.get(USABLE) if isinstance(status, dict) else None
    return usable if isinstance(usable, int) and usable > 0 else None


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
