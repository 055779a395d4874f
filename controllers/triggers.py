"""The controllers of triggers: what each of them watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from controllers.desired.backend import MIRROR, SERVICE_NAME, Front
from controllers.kinds import HTTP_ROUTES, KONG_PLUGINS, MIDDLEWARES, OWN
from controllers.reconcilers.cronjobtrigger import Schedules
from controllers.reconcilers.httptrigger import Publication
from controllers.reconcilers.mirror import MirrorIndex, MirrorPorts, MirrorReconciler
from controllers.reconcilers.neighbours import FunctionIndex, Interests, RouteIndex
from controllers.reconcilers.trigger import (
    NoOffspring,
    Offspring,
    TriggerPorts,
    TriggerReconciler,
)
from controllers.registration import Context, Registration, children_of
from controllers.reports import GatewayReports
from controllers.watches import Feed, Mapper, itself
from tidegate.kube.objects import Object, ObjectKey, key_of
from tidegate.kube.resources import CRON_JOBS, ENDPOINT_SLICES, INGRESSES, SERVICES, Resource
from tidegate.kube.selection import Selection
from tidegate.kube.store import Store

HTTP, CRON = OWN["HTTPTrigger"], OWN["CronJobTrigger"]
SERVED = (OWN["KafkaTrigger"], OWN["NATSTrigger"], OWN["KinesisTrigger"])
"""Kinds that the gateway serves alone."""

_SPREAD = 5.0
"""Seconds in which all triggers of a kind are looked at again, when everything may be another."""

MIRRORED = f"{MIRROR}=gateway"
"""Selects what stands for the gateway in other namespaces."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the controllers of all kinds have together."""

    context: Context
    functions: FunctionIndex
    reports: GatewayReports

    @property
    def function_selection(self) -> Selection:
        """The Functions that triggers may name."""
        return Selection(OWN["Function"], self.context.namespace)

    @property
    def function_store(self) -> Store:
        """Those Functions."""
        return self.context.watches.store(self.function_selection)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of trigger: what is made for it, and who else is to be looked at."""

    feed: Feed
    triggers: Selection
    offspring: Offspring
    mapper: Mapper = itself
    rivals: Callable[[Object], Iterable[Object]] = lambda _: ()


def trigger_controllers(context: Context) -> list[Registration]:
    """Return the controllers of every kind of trigger, and that of the gateway's mirrors."""
    functions, gateway = FunctionIndex(), context.settings.gateway
    front = Front(gateway.namespace or context.home, gateway.service, gateway.port)
    selection = _slices_of(front.namespace, gateway.admin_service)
    admin = context.watches.store(selection)
    reports = GatewayReports(lambda: _admin_addresses(admin), gateway.reports)
    shared = Shared(context, functions, reports)
    context.watches.reflector(shared.function_selection).subscribe(functions.take)

    async def ask() -> None:
        await context.watches.synced([selection])
        await reports.run()

    mirrors = MirrorIndex(front)
    kinds = [
        _http(shared, front, mirrors),
        _cron(shared),
        *(_served(shared, one) for one in SERVED),
    ]
    return [
        *(_registration(shared, kind) for kind in kinds),
        Registration("gateway", *_mirror(context, front, mirrors), ask),
    ]


def _served(shared: Shared, resource: Resource) -> Kind:
    return Kind(Feed(), Selection(resource, shared.context.namespace), NoOffspring())


def _registration(shared: Shared, kind: Kind) -> Registration:
    """Have everything followed that concerns triggers of this kind."""
    context, feed, interests = shared.context, kind.feed, Interests()
    watches, name = context.watches, kind.triggers.resource.kind
    watches.reflector(kind.triggers).subscribe(interests.take)
    feed.follow(watches, kind.triggers, kind.mapper)
    feed.follow(watches, shared.function_selection, interests.concerned)
    shared.reports.subscribe(
        lambda told: feed.add(told.key) if told.kind == name else None,
        lambda: feed.revisit(watches, kind.triggers, _SPREAD),
    )
    ports = TriggerPorts(
        client=context.client,
        resource=kind.triggers.resource,
        triggers=watches.store(kind.triggers),
        functions=shared.functions,
        rivals=kind.rivals,
        offspring=kind.offspring,
        reports=shared.reports,
        recorder=context.recorder,
        now=context.now,
    )
    return Registration(name.lower(), TriggerReconciler(ports), feed)


def _http(shared: Shared, front: Front, mirrors: MirrorIndex) -> Kind:
    context, feed, routes = shared.context, Feed(), RouteIndex()
    watches, triggers = context.watches, Selection(HTTP, context.namespace)
    store = watches.store(triggers)
    watches.reflector(triggers).subscribe(routes.take)
    watches.reflector(triggers).subscribe(mirrors.take)
    children = children_of(
        context, feed, HTTP.kind, INGRESSES, HTTP_ROUTES, MIDDLEWARES, KONG_PLUGINS
    )
    services = Selection(SERVICES, context.namespace, MIRRORED)
    feed.follow(watches, services, mirrors.triggers)

    def rivals(trigger: Object) -> Iterator[Object]:
        return (store[key] for key in routes.rivals(trigger) if key in store)

    offspring = Publication(
        client=context.client,
        children=children,
        functions=shared.function_store,
        services=watches.store(services),
        front=front,
    )
    return Kind(feed, triggers, offspring, routes.rivals, rivals)


def _cron(shared: Shared) -> Kind:
    context, feed = shared.context, Feed()
    triggers = Selection(CRON, context.namespace)
    children = children_of(context, feed, CRON.kind, CRON_JOBS)
    offspring = Schedules(
        client=context.client,
        children=children,
        functions=shared.function_store,
        config=lambda: context.config.current,
    )
    context.config.subscribe(
        lambda: feed.revisit(context.watches, triggers, context.settings.config.spread)
    )
    return Kind(feed, triggers, offspring)


def _mirror(context: Context, front: Front, mirrors: MirrorIndex) -> tuple[MirrorReconciler, Feed]:
    watches, feed = context.watches, Feed()
    services = Selection(SERVICES, context.namespace, MIRRORED)
    slices = Selection(ENDPOINT_SLICES, context.namespace, MIRRORED)
    gateway = _slices_of(front.namespace, front.service)

    def service_of(obj: Object) -> Iterable[ObjectKey]:
        return (ObjectKey(key_of(obj).namespace, front.service),)

    def all_of_them(_: Object) -> Iterable[ObjectKey]:
        return [ObjectKey(namespace, front.service) for namespace in mirrors.namespaces()]

    feed.follow(watches, Selection(HTTP, context.namespace), service_of)
    feed.follow(watches, services, service_of)
    feed.follow(watches, slices, service_of)
    feed.follow(watches, gateway, all_of_them)
    ports = MirrorPorts(
        client=context.client,
        front=front,
        index=mirrors,
        gateway=watches.store(gateway),
        services=watches.store(services),
        slices=watches.store(slices),
    )
    return MirrorReconciler(ports), feed


def _slices_of(namespace: str, service: str) -> Selection:
    return Selection(ENDPOINT_SLICES, namespace, f"{SERVICE_NAME}={service}")


def _admin_addresses(slices: Store) -> Iterator[str]:
    """Yield where each replica of the gateway is asked, also one that is not ready."""
    for one in slices.values():
        port = next((each.get("port") for each in one.get("ports") or ()), None)
        for endpoint in one.get("endpoints") or ():
            for address in endpoint.get("addresses", ())[:1]:
                host = f"[{address}]" if one.get("addressType") == "IPv6" else address
                yield f"{host}:{port}"
