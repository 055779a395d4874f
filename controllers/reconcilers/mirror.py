"""Keeps the gateway's Service mirrored in every namespace that has HTTPTriggers for it."""

from __future__ import annotations

from dataclasses import dataclass

from controllers import drift
from controllers.conditions import Condition, Truth
from controllers.core.reconciler import Result
from controllers.desired.backend import (
    MIRROR,
    Front,
    mirrored_service,
    mirrored_slices,
)
from controllers.reconcilers.neighbours import Tag, Tagged
from controllers.reconcilers.trigger import RECHECK
from controllers.reconcilers.trigger_status import PUBLISHED
from tidegate.api.function import dig
from tidegate.kube.client import Deletion, KubeClient
from tidegate.kube.errors import Conflict, NotFound
from tidegate.kube.objects import Object, ObjectKey, key_of, owner_reference, uid_of
from tidegate.kube.resources import ENDPOINT_SLICES, SERVICES, Resource
from tidegate.kube.store import Delta, Store

MOST_OWNERS = 100
"""References of one mirror to triggers; a new one is made should all of these go before others."""


def mirror_trouble(services: Store, front: Front, namespace: str) -> Condition | None:
    """Return why triggers of `namespace` do not reach the gateway; None when they do."""
    if namespace == front.namespace or ObjectKey(namespace, front.service) in services:
        return None
    message = (
        f"Service {namespace}/{front.service}, which leads to the gateway, is not there yet; if "
        "that lasts, another one has this name: rename that"
    )
    return Condition(PUBLISHED, Truth.UNKNOWN, "NoBackend", message)


def _reference(trigger: Object) -> Object:
    """Return a reference that keeps nobody from deleting the trigger."""
    reference = owner_reference(trigger)
    return {name: reference[name] for name in ("apiVersion", "kind", "name", "uid")}


def _age(each: tuple[str, Object]) -> tuple[str, str]:
    born, reference = each
    return born, reference["name"]


class MirrorIndex:
    """Which namespaces have HTTPTriggers that the gateway serves."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._tagged = Tagged()
        self._triggers: dict[ObjectKey, tuple[str, Object]] = {}

    def take(self, delta: Delta) -> None:
        """Take one change of an HTTPTrigger in."""
        served = delta.new is not None and dig(delta.new.get("spec"), "via") != "function"
        tags: list[Tag] = [("in", delta.key.namespace)] if served else []
        self._tagged.put(delta.key, tags)
        if served and delta.new is not None:
            born = str(delta.new["metadata"].get("creationTimestamp") or "")
            self._triggers[delta.key] = (born, _reference(delta.new))
        else:
            self._triggers.pop(delta.key, None)

    def owners(self, namespace: str) -> list[Object]:
        """Return references to those that are served there, the oldest first, bounded."""
        keys = self._tagged.having(("in", namespace))
        found = sorted((self._triggers[key] for key in keys), key=_age)
        return [reference for _, reference in found[:MOST_OWNERS]]

    def wants(self, namespace: str) -> bool:
        """Return whether a mirror is needed there."""
        return namespace != self._front.namespace and ("in", namespace) in self._tagged

    def triggers(self, service: Object) -> frozenset[ObjectKey]:
        """Return the HTTPTriggers that are served through a mirror."""
        return self._tagged.having(("in", service["metadata"]["namespace"]))

    def namespaces(self) -> list[str]:
        """Return every namespace that needs a mirror."""
        return [tag[1] for tag in self._tagged.tags() if self.wants(tag[1])]


@dataclass(frozen=True, slots=True)
class MirrorPorts:
    """What the reconciler works with: the slices of the gateway, and what was made of them."""

    client: KubeClient
    front: Front
    index: MirrorIndex
    gateway: Store
    services: Store
    slices: Store


class MirrorReconciler:
    """See `controllers.core.reconciler.Reconciler`; a key is the Service of one namespace."""

    def __init__(self, ports: MirrorPorts) -> None:
        self._ports = ports

    async def reconcile(self, key: ObjectKey) -> Result:
        """Make Service and slices so, or remove them where nobody needs them."""
        ports = self._ports
        if not ports.index.wants(key.namespace):
            await self._remove(key, frozenset())
            return Result()
        service = await self._service(key)
        if service is None:
            return Result(after=RECHECK)
        wanted = [drift.stamped(one) for one in mirrored_slices(ports.gateway.values(), service)]
        for one in wanted:
            live = ports.slices.get(key_of(one))
            if live is None or not drift.is_settled(live, one):
                await ports.client.apply(ENDPOINT_SLICES, one, force=True)
        await self._remove(key, frozenset(key_of(one) for one in wanted))
        return Result()

    async def _service(self, key: ObjectKey) -> Object | None:
        """Return the mirror's Service, made where it is not as it should be; None when another
        one has its name, which its triggers tell."""
        ports = self._ports
        owners = ports.index.owners(key.namespace)
        wanted = drift.stamped(mirrored_service(ports.front, key.namespace, owners))
        live = ports.services.get(key)
        if live is None:
            live = await ports.client.find(SERVICES, key)
            if live is not None and MIRROR not in (live["metadata"].get("labels") or {}):
                return None
        if live is not None and drift.is_settled(live, wanted):
            return live
        return await ports.client.apply(SERVICES, wanted, force=True)

    async def _remove(self, key: ObjectKey, kept: frozenset[ObjectKey]) -> None:
        """Remove slices that are not in `kept`, and the Service when nobody needs it."""
        ports = self._ports
        for one in [each for each in ports.slices if each.namespace == key.namespace]:
            if one not in kept:
                await self._delete(ENDPOINT_SLICES, one, ports.slices[one])
        if not ports.index.wants(key.namespace) and key in ports.services:
            await self._delete(SERVICES, key, ports.services[key])

    async def _delete(self, resource: Resource, key: ObjectKey, live: Object) -> None:
        try:
            await self._ports.client.delete(resource, key, Deletion(uid=uid_of(live)))
        except (Conflict, NotFound):
            return
