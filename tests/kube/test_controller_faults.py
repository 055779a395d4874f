"""Controllers and a network or an API server that fails them: one writer, no storm, no loss."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from controllers.app import ControllerApp
from controllers.reconcilers.function import FUNCTIONS
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_proxy import Fault, KubeProxy
from tests.fakes.kube_server import KubeServer
from tests.support.controllers import (
    PATIENCE,
    controller_settings,
    controllers,
    eventually,
    function_object,
    settled,
)
from tests.support.definitions import install
from tests.support.waiting import until
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import ObjectKey

pytestmark = pytest.mark.timeout(240)

FUNCTIONS_COUNT = 30
MOST_PER_SECOND = 60
"""Of requests while all of them fail: of 4 workers, 7 watches and an election."""


@pytest.fixture
async def namespace(client: KubeClient) -> str:
    await install(client, ["Function"])
    return await new_namespace(client)


@dataclass
class Replica:
    """A controller, the network between it and the API server, and what it wrote."""

    app: ControllerApp
    network: KubeProxy
    rivals: list[Replica] = field(default_factory=list)
    writes: int = 0
    against_a_leader: list[str] = field(default_factory=list)
    """Writes that the API server got while another replica led."""

    def note(self, path: str) -> None:
        """Count a write; those of elections are not work."""
        if "/leases" not in path:
            self.writes += 1
            if any(one.app.leads() for one in self.rivals):
                self.against_a_leader.append(path)

    async def works(self) -> None:
        """Return when it has written some more."""
        before = self.writes
        await until(lambda: self.writes > before + 5, PATIENCE)


@asynccontextmanager
async def _replica(server: KubeServer, namespace: str) -> AsyncIterator[Replica]:
    proxy = KubeProxy(server.access())
    async with (
        proxy.running(),
        controllers(proxy.access, controller_settings(namespace)) as app,
    ):
        replica = Replica(app, proxy)
        proxy.on_write = replica.note
        yield replica


@asynccontextmanager
async def _changing(client: KubeClient, key: ObjectKey) -> AsyncIterator[None]:
    """Someone who writes the function again and again, so that there is always work."""

    async def change() -> None:
        number = 0
        while True:
            number += 1
            await client.patch(FUNCTIONS, key, {"spec": {"timeout": str(number)}})
            await asyncio.sleep(0.05)

    task = asyncio.create_task(change(), name="user of a test")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_one_writer_at_all_times_while_a_leader_is_cut_off(
    kube_server: KubeServer, client: KubeClient, namespace: str
) -> None:
    key = ObjectKey(namespace, "hello")
    await client.create(FUNCTIONS, function_object(*key))
    async with (
        _replica(kube_server, namespace) as a,
        _replica(kube_server, namespace) as b,
        _changing(client, key),
    ):
        a.rivals, b.rivals = [b], [a]
        for _ in range(2):
            await until(lambda: a.app.leads() or b.app.leads(), PATIENCE)
            leader, other = (a, b) if a.app.leads() else (b, a)
            await leader.works()
            leader.network.partition()
            await until(other.app.leads, PATIENCE)
            assert not leader.app.leads()
            await other.works()
            leader.network.cut()
            leader.network.heal()
    assert (a.against_a_leader, b.against_a_leader) == ([], [])


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(500), id="500"),
        pytest.param(Fault(429, (("retry-after", "1"),)), id="429", marks=pytest.mark.slow),
        pytest.param(Fault(200, body="<html>page</html>"), id="page", marks=pytest.mark.slow),
    ],
)
async def test_a_failing_api_server_is_not_stormed_and_nothing_is_lost(
    kube_server: KubeServer, client: KubeClient, namespace: str, fault: Fault
) -> None:
    keys = [ObjectKey(namespace, f"hello-{number}") for number in range(FUNCTIONS_COUNT)]
    for key in keys:
        await client.create(FUNCTIONS, function_object(*key))
    async with _replica(kube_server, namespace) as replica:
        proxy = replica.network
        await settled(replica.app)
        proxy.fault = fault
        for key in keys:
            await client.patch(FUNCTIONS, key, {"spec": {"timeout": "7"}})
        pace = await _requests_per_second(proxy, 4)
        proxy.fault = None
        for key in keys:
            await eventually(client, FUNCTIONS, key, status__observedGeneration=2)
    sys.stdout.write(f"requests per second while all fail: {pace}\n")
    assert max(pace) <= MOST_PER_SECOND
    assert pace[-1] <= MOST_PER_SECOND / 3


async def _requests_per_second(proxy: KubeProxy, seconds: int) -> list[int]:
    pace = []
    for _ in range(seconds):
        before = proxy.asked.total()
        await asyncio.sleep(1.0)  # a rate takes its time
        pace.append(proxy.asked.total() - before)
    return pace
