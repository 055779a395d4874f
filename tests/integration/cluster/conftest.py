"""Controllers and a gateway on one API server in memory, as a cluster has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from controllers.settings import GatewaySettings, LeaseSettings, ReportSettings
from controllers.triggers import trigger_controllers
from tests.fakes.function_server import FunctionServer, function_server
from tests.fakes.kube_cluster import memory_server, new_namespace
from tests.support.cluster import (
    Replica,
    Stage,
    function,
    replica_of,
    slice_of,
)
from tests.support.controllers import ELECTION, controller_settings, controllers, surroundings
from tests.support.definitions import KINDS
from tests.support.waiting import until
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import ENDPOINT_SLICES, LEASES
from tidegate.kube.selection import Selection

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Plane:
    """A namespace with the function `hello`, and the whole of Tidegate around it."""

    client: KubeClient
    home: str
    namespace: str
    gateway: Replica
    pod: FunctionServer

    @property
    def stage(self) -> Stage:
        """Where objects are written."""
        return Stage(self.client)

    def bodies(self) -> list[str]:
        """Return what the function was given, in order."""
        return [one.body.decode() for one in self.pod.seen]

    async def until_given(self, *bodies: str) -> None:
        """Return once the function was given these, and nothing else, in whatever order."""
        await until(lambda: len(self.pod.seen) >= len(bodies), PATIENCE)
        assert sorted(self.bodies()) == sorted(bodies)

    async def until_status(self, kind: str, **wanted: Any) -> None:
        """Return once the status of the trigger `orders` says this."""
        await self._until(
            kind, lambda status: {name: status.get(name) for name in wanted} == wanted
        )

    async def until_told(self, kind: str, field: str, part: str) -> None:
        """Return once a text in the status of the trigger `orders` has that part."""
        await self._until(kind, lambda status: part in status.get(field, ""))

    async def until_condition(self, kind: str, *wanted: str) -> None:
        """Return once a condition of the trigger `orders` has this type, status and reason."""

        def says(status: Object) -> bool:
            told = status.get("conditions") or ()
            return wanted in [(one["type"], one["status"], one["reason"]) for one in told]

        await self._until(kind, says)

    async def _until(self, kind: str, says: Callable[[Object], bool]) -> None:
        key = ObjectKey(self.namespace, "orders")
        async with asyncio.timeout(PATIENCE):
            while True:
                if says((await self.client.get(KINDS[kind], key)).get("status") or {}):
                    return
                await asyncio.sleep(0.05)

    async def until_reads(self, what: str) -> None:
        """Return once the trigger `orders` is at work here, and reads `what`."""
        await until(lambda: self.gateway.is_running("orders") and what in self._source(), PATIENCE)

    def _source(self) -> str:
        return next(repr(s.source) for s, _ in self.gateway.gateway.subscriptions())

    async def kept(self) -> list[Object]:
        """Return the Leases of the gateway's home that are not of replicas or controllers."""
        page = await self.client.list(Selection(LEASES, self.home, labels="tidegate.io/keeps"))
        return page.items


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    """All of it, for one test."""
    async with (
        memory_server(KINDS.values()) as server,
        connected(server.access()) as client,
        function_server() as pod,
    ):
        home, namespace = [await new_namespace(client) for _ in range(2)]
        settings = replace(
            controller_settings(namespace),
            lease=LeaseSettings(home, times=ELECTION),
            gateway=GatewaySettings(reports=ReportSettings(interval=0.1, numbers=0.1)),
        )
        await Stage(client).apply(
            function(namespace, "hello", app="shop"),
            slice_of(namespace, "hello", pod.address[1]),
        )
        async with (
            replica_of(server.access(), home, namespace=namespace) as gateway,
            controllers(server.access(), settings, surroundings((trigger_controllers,))),
        ):
            await client.create(ENDPOINT_SLICES, _admin_of(gateway, home))
            yield Plane(client, home, namespace, gateway, pod)


def _admin_of(gateway: Replica, home: str) -> Object:
    service = "tidegate-gateway-admin"
    made = slice_of(home, service, gateway.gateway.admin_port)
    made["endpoints"] = [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}]
    return made
