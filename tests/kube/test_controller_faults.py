"""Controllers and a network or an API server that fails them: one writer, no storm, no loss."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

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


@asynccontextmanager
async def _replica(
    server: KubeServer, namespace: str
) -> AsyncIterator[tuple[ControllerApp, KubeProxy]]:
    """A replica, and the network between it and the API server."""
    proxy = KubeProxy(server.access())
    async with (
        proxy.running(),
        controllers(proxy.access, controller_settings(namespace)) as app,
    ):
        yield app, proxy


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


def _writes(proxy: KubeProxy) -> list[float]:
    return [at for at, path in proxy.writes if "/leases" not in path]


async def test_one_writer_at_all_times_while_a_leader_is_cut_off(
    kube_server: KubeServer, client: KubeClient, namespace: str
) -> None:
    key = ObjectKey(namespace, "hello")
    await client.create(FUNCTIONS, function_object(*key))
    async with AsyncExitStack() as stack:
        a = await stack.enter_async_context(_replica(kube_server, namespace))
        await settled(a[0])
        b = await stack.enter_async_context(_replica(kube_server, namespace))
        await stack.enter_async_context(_changing(client, key))
        turns: list[tuple[KubeProxy, float, float]] = []
        for (leader, network), (follower, other) in ((a, b), (b, a)):
            began = len(_writes(network))
            await until(lambda n=network, w=began: len(_writes(n)) > w + 5, PATIENCE)
            network.partition()
            await until(follower.leads, PATIENCE)
            assert not leader.leads()
            begun = len(_writes(other))
            await until(lambda n=other, w=begun: len(_writes(n)) > w + 5, PATIENCE)
            turns.append((network, _writes(network)[-1], _writes(other)[begun]))
            network.cut()
            network.heal()
    for _, last_of_old, first_of_new in turns:
        assert last_of_old < first_of_new
    assert _taken_in_turns(_writes(a[1]), _writes(b[1])) <= 3


def _taken_in_turns(one: list[float], other: list[float]) -> int:
    """Return how many unbroken runs of writes there were."""
    marks = [mark for _, mark in sorted([(at, "a") for at in one] + [(at, "b") for at in other])]
    return sum(mark != before for before, mark in zip(["", *marks], marks, strict=False))


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
    async with _replica(kube_server, namespace) as (app, proxy):
        await settled(app)
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
