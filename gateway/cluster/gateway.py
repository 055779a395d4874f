"""One replica of the gateway in a cluster: what the API server says, brought to a `Gateway`."""

from __future__ import annotations

import asyncio
import logging
import secrets as random_names
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gateway.app import Gateway
from gateway.cluster.assignment import Shares
from gateway.cluster.callers import callers_gone
from gateway.cluster.kinds import RESOURCES, kept_of
from gateway.cluster.leftovers import Leftovers
from gateway.cluster.membership import Membership
from gateway.cluster.mended import Mended
from gateway.cluster.named_secrets import NamedSecrets
from gateway.cluster.secrets import ClusterSecrets
from gateway.cluster.settings import ClusterSettings
from gateway.cluster.slices import EndpointSlices, kept_of_slice
from gateway.cluster.wanted import Name, Wanted, name_of
from gateway.server.operations import Operations
from gateway.server.token_file import TokenFile
from gateway.settings import Settings
from gateway.stores.kubernetes_leases import KubernetesLeases
from gateway.stores.kubernetes_ledger import KubernetesLedger
from gateway.workers.fleet import Fleet
from gateway.workers.messages import ClusterHome, Standing
from gateway.workers.settings import FleetSettings
from tidegate.api.subscription import HttpRoute, Subscription
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import NotServed
from tidegate.kube.reflector import Reflector
from tidegate.kube.resources import ENDPOINT_SLICES
from tidegate.kube.selection import Selection
from tidegate.kube.store import Delta

logger = logging.getLogger(__name__)

SLICES_OF_FUNCTIONS = "created-by=kubeless"
"""Label that a function's Service has, and so have its EndpointSlices."""

ROUTES_TIMEOUT = 5.0
"""Seconds for the routes before calls are asked for; one that is refused may never come."""

LOOK = 0.2
"""Seconds between two looks whether all is known; only at the start."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Several processes that do the work of one replica, and how they reach the API server."""

    workers: int
    kubeconfig: Path | None = None
    """None: this is a pod."""

    context: str = ""


class ClusterGateway:
    """Follows the objects, runs this replica's share of them, and leaves in order.

    While the API server is away everything goes on as it is.
    """

    def __init__(
        self,
        settings: Settings,
        cluster: ClusterSettings,
        client: KubeClient,
        crew: Crew | None = None,
    ) -> None:
        self._cluster = cluster
        self._changed = asyncio.Event()
        identity = f"{cluster.name}_{random_names.token_hex(4)}"
        self.membership = Membership(client, cluster, identity, self._changed.set)
        self.secrets = ClusterSecrets(client, self._changed.set)
        self._ledger = KubernetesLedger(client, cluster.home, self.membership)
        self.gateway = self._make_gateway(settings, client, crew)
        self.gateway.withheld = True
        self.gateway.notes = self._notes
        self._wanted = Wanted()
        self._named = NamedSecrets(client)
        self._slices = EndpointSlices(self.gateway.endpoints)
        self._mended = Mended(self.gateway.endpoints, self.gateway.resume)
        self._shares = Shares(self.membership.me, cluster.replicas_per_trigger, self._wanted.usable)
        self._reflectors = self._make_reflectors(client)
        self._leftovers = Leftovers(client, cluster.home, self._follows)
        self._leaving = False

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then drain. Raises `ConfigError` when a port cannot be had."""
        await self.gateway.start()
        logger.info(
            "replica %s: calls on port %d, health and metrics on port %d",
            self.membership.me,
            self.gateway.port,
            self.gateway.admin_port,
        )
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work, name=name) for name, work in self._works()]
                serving = group.create_task(self.gateway.run(), name="gateway")
                await stop.wait()
                await self._drain(serving)
                for task in tasks:
                    task.cancel()
        finally:
            await self.membership.leave()

    def _works(self) -> Iterable[tuple[str, Coroutine[Any, Any, None]]]:
        yield "membership", self.membership.run()
        yield "secrets", self.secrets.run()
        yield "names of secrets", self._named.run()
        yield "ledger", self._ledger.run()
        yield "objects", self._follow()
        if isinstance(self.gateway, Fleet):
            yield "standing of workers", self._tell_workers(self.gateway)
        yield "leftovers", self._leftovers.run(self._is_first)
        for what, reflector in self._reflectors.items():
            yield what, reflector.run()

    def _make_gateway(
        self, settings: Settings, client: KubeClient, crew: Crew | None
    ) -> Gateway | Fleet:
        home = self._cluster.home
        token = TokenFile(Path(settings.admin.token_file))
        operations = Operations(lambda: self.gateway, token.guard).extend
        if crew is None:
            leases = KubernetesLeases(client, home)
            return Gateway(settings, self.secrets, self._ledger, operations, leases)
        there = ClusterHome(home, self.membership.identity, crew.kubeconfig, crew.context)
        fleet = FleetSettings(crew.workers, None)
        return Fleet(settings, self.secrets, fleet, operations, there)

    async def _tell_workers(self, fleet: Fleet) -> NoReturn:
        """Let the workers know in time that the others still take us for alive."""
        while True:
            self._stand(fleet)
            await asyncio.sleep(self._cluster.renew)

    def _stand(self, fleet: Fleet) -> None:
        fleet.stand(Standing(self.membership.trusted_until, self.membership.living()))

    def _make_reflectors(self, client: KubeClient) -> Mapping[str, Reflector]:
        namespace = self._cluster.namespace
        slices = Selection(ENDPOINT_SLICES, namespace, SLICES_OF_FUNCTIONS)
        made = {
            kind: Reflector(client, Selection(resource, namespace), keep=kept_of(kind))
            for kind, resource in RESOURCES.items()
        }
        for reflector in made.values():
            reflector.subscribe(self._take)
        made["EndpointSlice"] = Reflector(client, slices, keep=kept_of_slice)
        made["EndpointSlice"].subscribe(self._take_slice)
        return made

    def _follows(self, trigger: Name) -> bool:
        """Tell whether a trigger is there, or not ours to know about."""
        namespace = self._cluster.namespace
        elsewhere = bool(namespace) and trigger.namespace != namespace
        return elsewhere or self._wanted.knows(trigger)

    def _notes(self, subscription: Subscription) -> Mapping[str, object]:
        """Return what a report says beside the progress: whether its Secrets are there."""
        if isinstance(subscription.source, HttpRoute):
            missing = self._named.missing(name_of(subscription))
        else:
            missing = self.secrets.missing(subscription)
        return {} if missing is None else {"missingSecrets": missing}

    def _is_first(self) -> bool:
        """Tell whether what one replica does for all is ours to do."""
        return not self.gateway.withheld and min(self.membership.sharing()) == self.membership.me

    def _take(self, delta: Delta) -> None:
        self._mended.note(delta)
        if self._wanted.take(delta):
            self._changed.set()

    def _take_slice(self, delta: Delta) -> None:
        function = self._slices.take(delta)
        if function is not None:
            self._mended.look(function)

    async def _follow(self) -> None:
        """Apply what is known once it is whole, and each change after that."""
        await self._synced()
        self._apply()
        await self._routed()
        self.gateway.withheld = self._leaving
        logger.info("replica %s: ready", self.membership.me)
        while True:
            await self._changed.wait()
            await asyncio.sleep(self._cluster.settle)
            self._changed.clear()
            self._apply()

    async def _synced(self) -> None:
        """Return when every kind that is served was listed, and the other replicas are known."""
        loop = asyncio.get_running_loop()
        complain_at = loop.time() + self._cluster.sync_timeout
        while missing := self._missing():
            if loop.time() >= complain_at:
                logger.error("replica %s: waits for %s", self.membership.me, "; ".join(missing))
                complain_at += self._cluster.sync_timeout
            await asyncio.sleep(LOOK)

    def _missing(self) -> list[str]:
        missing = [
            f"{kind} ({one.trouble or 'being listed'})"
            for kind, one in self._reflectors.items()
            if not one.synced.is_set() and not isinstance(one.trouble, NotServed)
        ]
        return (
            missing if self.membership.joined.is_set() else [*missing, "the Lease of this replica"]
        )

    async def _routed(self) -> None:
        if isinstance(self.gateway, Fleet):
            return  # each worker waits for its own before it takes calls
        wanted = self._wanted.subscriptions()
        routes = sum(isinstance(one.source, HttpRoute) for one in wanted)
        with suppress(TimeoutError):
            async with asyncio.timeout(ROUTES_TIMEOUT):
                await self.gateway.routed(routes)

    def _apply(self) -> None:
        """Run this replica's share of what is wanted now."""
        if isinstance(self.gateway, Fleet):
            self._stand(self.gateway)
        self._shares.among(self.membership.sharing())
        mine = self._shares.keep(self._wanted.subscriptions())
        if self._leaving:
            mine = [one for one in mine if isinstance(one.source, HttpRoute)]
        self.secrets.need(mine)
        self._named.need(self._wanted.named_secrets() if self._is_first() else {})
        prepared = (self.secrets.prepared(one) for one in mine)
        self.gateway.apply([one for one in prepared if one is not None])

    async def _drain(self, serving: asyncio.Task[None]) -> None:
        """Hand everything over: first what brokers bring, then calls, once nobody sends them."""
        logger.info("replica %s: leaving", self.membership.me)
        self._leaving = True
        self.gateway.withheld = True
        await self.membership.leave_work()
        self._apply()
        await callers_gone(self._calls, self._cluster.endpoints_lag)
        self.gateway.stop()
        await asyncio.wait([serving])

    def _calls(self) -> int:
        """Return how many calls have come so far."""
        return sum(
            progress.books.received
            for subscription, progress in self.gateway.subscriptions()
            if isinstance(subscription.source, HttpRoute)
        )
