"""Publishes an HTTPTrigger: its Ingress or HTTPRoute, and what goes with that."""

from __future__ import annotations

from dataclasses import dataclass

from controllers.children import Children
from controllers.conditions import Condition, Truth
from controllers.desired.backend import Front
from controllers.desired.dialects import WRITTEN
from controllers.desired.ingress import DesiredRoute, desired_route
from controllers.kinds import HTTP_ROUTES
from controllers.reconcilers.mirror import mirror_trouble
from controllers.reconcilers.trigger import RECHECK
from controllers.reconcilers.trigger_status import PUBLISHED, Made
from tidegate.api.function import Function
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.kinds import Trigger
from tidegate.api.loader import resource_from
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey, key_of
from tidegate.kube.resources import INGRESSES
from tidegate.kube.store import Store


def function_of(store: Store, namespace: str, name: str) -> Function | None:
    """Return the function if it is there and can be read."""
    obj = store.get(ObjectKey(namespace, name))
    resource = resource_from(obj)[0] if obj is not None else None
    return resource if isinstance(resource, Function) else None


@dataclass(frozen=True, slots=True)
class Publication:
    """See `controllers.reconcilers.trigger.Offspring`."""

    client: KubeClient
    children: Children
    functions: Store
    services: Store
    """Those that stand for the gateway's in other namespaces."""
    front: Front
    condition: str = PUBLISHED

    async def settle(self, obj: Object, trigger: Trigger) -> Made:
        """Make Ingress or HTTPRoute as the trigger asks."""
        assert isinstance(trigger, HTTPTrigger)
        function = function_of(self.functions, trigger.namespace, trigger.spec.function_name)
        wanted = desired_route(trigger, function, self.front)
        await self.children.settle(obj, wanted.objects, _names(trigger.name))
        await self._drop_old(obj, wanted)
        by_gateway = trigger.spec.via == "gateway"
        condition = self._condition(trigger, wanted)
        after = None if condition.status is Truth.TRUE else RECHECK
        return Made((condition,), wanted.url, by_gateway, after=after)

    async def withdraw(self, obj: Object) -> None:
        """Remove them all."""
        await self.children.settle(obj, (), _names(obj["metadata"]["name"]))

    def forget(self, key: ObjectKey) -> None:
        """Drop what is known of them."""
        for name in (key.name, *_names(key.name)):
            self.children.forget(ObjectKey(key.namespace, name))

    async def _drop_old(self, obj: Object, wanted: DesiredRoute) -> None:
        """Remove what Kubeless wrote on the Ingress that we took over from it."""
        key = key_of(obj)
        live = self.children.get(INGRESSES, key)
        ours = next((each for each in wanted.objects if each["kind"] == INGRESSES.kind), None)
        if live is None or ours is None:
            return
        there = live["metadata"].get("annotations") or {}
        old = (WRITTEN & there.keys()) - ours["metadata"].get("annotations", {}).keys()
        if old:
            change = {"metadata": {"annotations": dict.fromkeys(sorted(old))}}
            await self.client.patch(INGRESSES, key, change)

    def _condition(self, trigger: HTTPTrigger, wanted: DesiredRoute) -> Condition:
        said = "\n".join(wanted.warnings)
        if trigger.spec.via == "gateway":
            trouble = mirror_trouble(self.services, self.front, trigger.namespace)
            if trouble is not None:
                return trouble
        if trigger.spec.gateway_ref is not None:
            key = ObjectKey(trigger.namespace, trigger.name)
            return _route_condition(self.children.get(HTTP_ROUTES, key) or {})
        return Condition(PUBLISHED, Truth.TRUE, "Applied", said)


def _names(trigger: str) -> tuple[str, ...]:
    return f"{trigger}-auth", f"{trigger}-cors"


def _route_condition(live: Object) -> Condition:
    """Say what the Gateway made of the route."""
    parents = (live.get("status") or {}).get("parents") or []
    for parent in parents:
        for each in parent.get("conditions") or []:
            if each.get("type") == "Accepted" and each.get("status") == "False":
                reason, message = each.get("reason") or "NotAccepted", each.get("message", "")
                return Condition(PUBLISHED, Truth.FALSE, reason, f"the Gateway says: {message}")
    if parents:
        return Condition(PUBLISHED, Truth.TRUE, "Accepted")
    message = "no Gateway has taken the HTTPRoute yet; look whether the one of gatewayRef is there"
    return Condition(PUBLISHED, Truth.UNKNOWN, "Pending", message)
