"""Controllers whose leader is cut off: one writer at all times."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from controllers.app import ControllerApp
from controllers.reconcilers.function import FUNCTIONS
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_proxy import KubeProxy
from tests.fakes.kube_server import KubeServer
from tests.support.controllers import (
    PATIENCE,
    changing,
    controller_settings,
    controllers,
    function_object,
)
from tests.support.definitions import install
from tests.support.waiting import until
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import ObjectKey

pytestmark = pytest.mark.timeout(240)


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


async def test_one_writer_at_all_times_while_a_leader_is_cut_off(
    kube_server: KubeServer, client: KubeClient, namespace: str
) -> None:
    key = ObjectKey(namespace, "hello")
    await client.create(FUNCTIONS, function_object(*key))
    async with (
        _replica(kube_server, namespace) as a,
        _replica(kube_server, namespace) as b,
        changing(client, key),
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
