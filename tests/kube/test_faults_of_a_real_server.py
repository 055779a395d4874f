"""What the processes of a control plane do to a reflector and to electors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.kube_cluster import config_map, new_namespace
from tests.fakes.kube_server import KubeServer
from tests.kube.replicas import Stage, replica_of
from tests.support.background import background
from tests.support.waiting import until
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import ObjectKey
from tidegate.kube.reflector import Reflector, ReflectorSettings
from tidegate.kube.resources import CONFIG_MAPS
from tidegate.kube.selection import Selection
from tidegate.kube.transport import ClientSettings
from tidegate.kube.watch import EventType

pytestmark = pytest.mark.timeout(240)

PATIENCE = 60
QUICK = ReflectorSettings(watch=60, steady=1.0, first_wait=0.1, longest_wait=1.0)


@asynccontextmanager
async def _reflecting(server: KubeServer) -> AsyncIterator[Reflector]:
    settings = ClientSettings(timeout=3, silence=2)
    async with connected(server.access(), settings) as client:
        reflector = Reflector(client, Selection(CONFIG_MAPS, labels="watched=yes"), QUICK)
        async with background(reflector.run(), "reflector of a test"):
            async with asyncio.timeout(PATIENCE):
                await reflector.synced.wait()
            yield reflector


async def _make(client: KubeClient, namespace: str, name: str) -> None:
    made = config_map(namespace, name)
    made["metadata"]["labels"] = {"watched": "yes"}
    await client.create(CONFIG_MAPS, made)


def _names(reflector: Reflector) -> set[str]:
    return {key.name for key in reflector.store}


async def test_a_killed_api_server_is_found_again(
    kube_server: KubeServer, client: KubeClient
) -> None:
    namespace = await new_namespace(client)
    await _make(client, namespace, "before")
    async with _reflecting(kube_server) as reflector:
        await asyncio.to_thread(kube_server.kill_api)
        await until(lambda: reflector.counts.failures >= 3, PATIENCE)
        assert "before" in _names(reflector)
        await asyncio.to_thread(kube_server.start_api)
        await _make(client, namespace, "after")
        await until(lambda: {"before", "after"} <= _names(reflector), PATIENCE)
        await client.delete(CONFIG_MAPS, ObjectKey(namespace, "before"))
        await until(lambda: "before" not in _names(reflector), PATIENCE)


@pytest.mark.slow
async def test_a_frozen_api_server_is_waited_for(
    kube_server: KubeServer, client: KubeClient
) -> None:
    namespace = await new_namespace(client)
    async with _reflecting(kube_server) as reflector:
        kube_server.freeze_api()
        try:
            await until(lambda: reflector.counts.failures >= 2, PATIENCE)
        finally:
            kube_server.thaw_api()
        await _make(client, namespace, "after-the-frost")
        await until(lambda: "after-the-frost" in _names(reflector), PATIENCE)


@pytest.mark.regression(
    "kube-apiserver: a watch from a version that is yet to come is silent, and no error"
)
async def test_a_cluster_that_went_back_to_a_backup_is_followed(own_server: KubeServer) -> None:
    async with connected(own_server.access()) as client:
        namespace = await new_namespace(client)
        await _make(client, namespace, "lost-by-the-restore")
        for index in range(300):  # so that a new cluster's versions are before ours for long
            await client.apply(CONFIG_MAPS, config_map(namespace, "other", a=str(index)))
        async with _reflecting(own_server) as reflector:
            assert "lost-by-the-restore" in _names(reflector)
            await asyncio.to_thread(own_server.start_over)
            namespace = await new_namespace(client)
            await _make(client, namespace, "made-after-the-restore")
            await until(lambda: _names(reflector) == {"made-after-the-restore"}, PATIENCE)


async def test_one_writer_at_all_times_while_a_leader_is_cut_off(
    kube_server: KubeServer, client: KubeClient
) -> None:
    stage = Stage()
    async with replica_of(kube_server.access(), stage, "a") as a:
        await until(lambda: stage.working, PATIENCE)
        async with replica_of(kube_server.access(), stage, "b") as b:
            for leader in (a, b):
                await until(leader.elector.leads, PATIENCE)
                leader.proxy.partition()
                await until(lambda one=leader: not one.elector.leads(), PATIENCE)
                other = b if leader is a else a
                await until(other.elector.leads, PATIENCE)
                leader.proxy.cut()
                leader.proxy.heal()
    assert stage.together == 1


@pytest.mark.slow
async def test_a_restart_of_the_api_server_makes_no_second_leader(own_server: KubeServer) -> None:
    stage = Stage()
    async with (
        replica_of(own_server.access(), stage, "a"),
        replica_of(own_server.access(), stage, "b"),
    ):
        await until(lambda: stage.working, PATIENCE)
        for _ in range(2):
            led = len(stage.led)
            await asyncio.to_thread(own_server.kill_api)
            await until(lambda: not stage.working, PATIENCE)
            await asyncio.to_thread(own_server.start_api)
            await until(lambda before=led: len(stage.led) > before, PATIENCE)
    assert stage.together == 1


@pytest.mark.slow
async def test_a_quiet_watch_brings_bookmarks_before_it_counts_as_silent(
    client: KubeClient,
) -> None:
    selection = Selection(CONFIG_MAPS, await new_namespace(client))
    since = (await client.list(selection)).version
    async with client.watch(selection, since, lasts=140) as watch:
        events = [event async for event in watch]
    assert EventType.BOOKMARK in {event.type for event in events}
