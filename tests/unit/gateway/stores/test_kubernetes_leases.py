"""Leases of shards in Kubernetes objects, beside what every lease store promises."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.core.lease import Lease, renewed, taken
from gateway.errors import ConfigError, SourceUnavailable
from gateway.stores.kubernetes_leases import KubernetesLeases
from tests.fakes.kube_cluster import Cluster, memory_cluster
from tests.fakes.kube_proxy import KubeProxy
from tests.fakes.kube_server import STRANGER
from tidegate.kube.client import connected
from tidegate.kube.objects import key_of
from tidegate.kube.resources import LEASES
from tidegate.kube.selection import Selection

GROUP = "default/KinesisTrigger/t/f#orders:1"
FIRST, SECOND = Lease("shard-1", "TRIM_HORIZON"), Lease("shard-2", "TRIM_HORIZON")


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with memory_cluster() as one:
        yield one


async def test_a_renewal_is_one_request_however_many_shards(cluster: Cluster) -> None:
    proxy = KubeProxy(cluster.access())
    async with proxy.running(), connected(proxy.access) as client:
        store = KubernetesLeases(client, "default")
        await store.create(GROUP, [FIRST, SECOND])
        held = [taken(FIRST, "me"), taken(SECOND, "me")]
        pairs = list(zip([FIRST, SECOND], held, strict=True))
        assert await store.replace(GROUP, pairs) == [True, True]
        proxy.asked.clear()
        for number in range(5):
            after = [renewed(one, str(number)) for one in held]
            pairs = list(zip(held, after, strict=True))
            assert await store.replace(GROUP, pairs) == [True, True]
            held = after
        assert dict(proxy.asked) == {"put": 5}


async def test_what_another_replica_wrote_is_seen_before_a_write(cluster: Cluster) -> None:
    async with connected(cluster.access()) as client:
        one, two = (KubernetesLeases(client, "default") for _ in range(2))
        await one.create(GROUP, [FIRST, SECOND])
        assert await two.replace(GROUP, [(FIRST, taken(FIRST, "two"))]) == [True]
        changes = [(FIRST, taken(FIRST, "one")), (SECOND, taken(SECOND, "one"))]
        assert await one.replace(GROUP, changes) == [False, True]
        assert not await two.delete(GROUP, SECOND)


async def test_what_rbac_forbids_is_for_a_person_to_mend(cluster: Cluster) -> None:
    async with connected(cluster.access(STRANGER)) as client:
        with pytest.raises(ConfigError, match=r"reading the shards of .* grant apiGroups"):
            await KubernetesLeases(client, "default").leases(GROUP, ["shard-1"])


async def test_an_object_that_was_changed_by_hand_is_said(cluster: Cluster) -> None:
    async with connected(cluster.access()) as client:
        store = KubernetesLeases(client, "default")
        await store.create(GROUP, [FIRST])
        (lease,) = (await client.list(Selection(LEASES, "default"))).items
        change = {"metadata": {"annotations": {"tidegate.io/shards": "[]"}}}
        await client.patch(LEASES, key_of(lease), change)
        with pytest.raises(SourceUnavailable, match="was changed by hand; delete the Lease"):
            await store.leases(GROUP, ["shard-1"])


async def test_more_shards_than_an_object_holds_need_a_table(cluster: Cluster) -> None:
    async with connected(cluster.access()) as client:
        many = [Lease(f"shard-{number}", "4" * 56) for number in range(3000)]
        with pytest.raises(ConfigError, match="set leaseTable to a DynamoDB table"):
            await KubernetesLeases(client, "default").create(GROUP, many)
