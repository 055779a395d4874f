"""What is kept of triggers goes some days after them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.cluster.leftovers import KEPT, Leftovers
from gateway.cluster.wanted import Name
from gateway.core.lease import Lease
from gateway.stores.kubernetes_leases import KubernetesLeases
from tests.fakes.kube_cluster import memory_cluster
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.resources import LEASES
from tidegate.kube.selection import Selection

GONE = Name("KinesisTrigger", "default", "gone")
HERE = Name("KinesisTrigger", "default", "here")


@pytest.fixture
async def client() -> AsyncIterator[KubeClient]:
    async with memory_cluster() as cluster, connected(cluster.access()) as one:
        leases = KubernetesLeases(one, "default")
        for name in (GONE, HERE):
            group = f"{name.namespace}/{name.kind}/{name.name}/hello#stream:1"
            await leases.create(group, [Lease("shard", "TRIM_HORIZON")])
        await one.create(LEASES, {"metadata": {"namespace": "default", "name": "a-controllers"}})
        yield one


def later() -> datetime:
    """Return when what is written now may go."""
    return datetime.now(UTC) + KEPT + timedelta(minutes=1)


async def left(client: KubeClient) -> int:
    return len((await client.list(Selection(LEASES, "default"))).items)


async def test_what_a_trigger_left_is_removed_after_some_days(client: KubeClient) -> None:
    leftovers = Leftovers(client, "default", lambda name: name == HERE)
    await leftovers.remove(datetime.now(UTC))
    assert await left(client) == 3
    await leftovers.remove(later())
    assert await left(client) == 2


async def test_what_is_in_use_stays(client: KubeClient) -> None:
    await Leftovers(client, "default", {GONE, HERE}.__contains__).remove(later())
    assert await left(client) == 3
