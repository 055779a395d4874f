"""Controllers and a gateway while the API server fails them: no storm, and no change is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from controllers.reconcilers.function import FUNCTIONS
from controllers.registry import CONTROLLERS
from tests.fakes.function_server import FunctionServer, function_server
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_proxy import KubeProxy
from tests.fakes.kube_server import KubeServer
from tests.kube.every_object import HPA
from tests.kube.troubles import TROUBLES, Scene, Trouble
from tests.lanes import NOTE
from tests.support.cluster import (
    Replica,
    Stage,
    custom,
    function,
    http_trigger,
    replica_of,
    secret,
    slice_of,
)
from tests.support.controllers import (
    PATIENCE,
    controller_settings,
    controllers,
    eventually,
    function_object,
    settled,
    surroundings,
)
from tests.support.triggers import until_gone
from tests.support.waiting import until
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, INGRESSES

pytestmark = pytest.mark.timeout(240)

COUNT = 15
OF_CONTROLLERS, OF_A_GATEWAY = 200, 80
"""Requests of any second: of 20 watches that begin anew, 4 workers a kind and an election; of 9
watches and a Lease. In the last second it is a fifth of that, but where what is slow succeeds."""
USUAL = {"500"}
LONG = 90.0
"""Seconds until what failed is tried again and done, on a machine that has much to do."""

CASES = [
    pytest.param(trouble, id=name, marks=() if name in USUAL else (pytest.mark.slow,))
    for name, trouble in TROUBLES.items()
]


@pytest.fixture
async def namespace(admitting: KubeClient) -> str:
    return await new_namespace(admitting)


def check(request: pytest.FixtureRequest, pace: list[int], most: int) -> None:
    """Tell of the rates, and hold them to what they may be."""
    trouble = request.node.callspec.id
    request.node.user_properties.append((NOTE, f"{trouble}: requests per second {pace}"))
    assert max(pace) <= most
    if trouble != "slow":
        assert pace[-1] <= most / 5


@pytest.mark.parametrize("trouble", CASES)
async def test_controllers_are_no_storm_and_lose_no_change(
    defined: KubeServer,
    admitting: KubeClient,
    namespace: str,
    trouble: Trouble,
    request: pytest.FixtureRequest,
) -> None:
    client, keys = admitting, [ObjectKey(namespace, f"hello-{number}") for number in range(COUNT)]
    stage, scaled = Stage(client), keys[0]
    for key in keys:
        spec = {"horizontalPodAutoscaler": HPA} if key == scaled else {}
        await client.create(FUNCTIONS, function_object(*key, **spec))
        await stage.apply(_published(key, "one"))
    made = http_trigger(namespace, "made", "hello-0", path=f"{namespace}/made", via="function")

    async def change() -> None:
        for key in keys:
            change = {"timeout": "7", "horizontalPodAutoscaler": None}
            await client.patch(FUNCTIONS, key, {"spec": change})
            await stage.apply(_published(key, "two"))
        await stage.apply(made)

    settings = controller_settings(namespace)
    around = replace(surroundings(CONTROLLERS), reflectors=None)  # the waits of a real one
    proxy = KubeProxy(defined.access())
    async with (
        proxy.running(),
        controllers(proxy.access, settings, around) as app,
    ):
        await settled(app)
        await eventually(client, HORIZONTAL_POD_AUTOSCALERS, scaled)
        pace = await trouble(Scene(defined, proxy), change)
        for key in keys:
            await eventually(client, FUNCTIONS, key, status__observedGeneration=2)
            await _until_timeout(client, key, "7")
            await _until_host(client, key, "two.example.com")
        await until_gone(client, HORIZONTAL_POD_AUTOSCALERS, scaled)
        await eventually(client, INGRESSES, ObjectKey(namespace, "made"))
    check(request, pace, OF_CONTROLLERS)


def _published(key: ObjectKey, host: str) -> dict[str, Any]:
    return http_trigger(
        key.namespace,
        key.name,
        key.name,
        **{"host-name": f"{host}.example.com", "path": "/".join(key), "via": "function"},
    )


async def _until_timeout(client: KubeClient, key: ObjectKey, timeout: str) -> None:
    wanted = {"name": "FUNC_TIMEOUT", "value": timeout}
    async with asyncio.timeout(PATIENCE):
        while True:
            deployment = await eventually(client, DEPLOYMENTS, key)
            (container,) = deployment["spec"]["template"]["spec"]["containers"]
            if wanted in container["env"]:
                return
            await asyncio.sleep(0.05)


async def _until_host(client: KubeClient, key: ObjectKey, host: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            ingress = await eventually(client, INGRESSES, key)
            if ingress["spec"]["rules"][0]["host"] == host:
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _gateway(server: KubeServer, namespace: str) -> AsyncIterator[tuple[Replica, KubeProxy]]:
    proxy = KubeProxy(server.access())
    async with (
        proxy.running(),
        replica_of(proxy.access, namespace, namespace=namespace, lease=15.0, renew=3.0) as replica,
    ):
        yield replica, proxy


@pytest.mark.parametrize("trouble", CASES)
async def test_a_gateway_is_no_storm_and_loses_no_change(
    defined: KubeServer,
    admitting: KubeClient,
    namespace: str,
    trouble: Trouble,
    request: pytest.FixtureRequest,
) -> None:
    stage, names = Stage(admitting), [f"web-{number}" for number in range(COUNT)]
    async with function_server() as old, function_server() as new:
        await stage.apply(
            function(namespace, "hello", app="hello"),
            secret(namespace, "login", token="first"),
            _watched(namespace),
            slice_of(namespace, "hello", old.address[1]),
            *(_routed(namespace, name, name) for name in names),
        )

        async def change() -> None:
            await stage.apply(
                secret(namespace, "login", token="second"),
                slice_of(namespace, "hello", new.address[1]),
                *(_routed(namespace, name, f"n-{name}") for name in names[:-1]),
                _routed(namespace, "made", "made"),
            )
            await stage.delete(slice_of(namespace, "hello", old.address[1]))
            await stage.delete(_routed(namespace, names[-1], ""))

        async with _gateway(defined, namespace) as (replica, proxy):
            await replica.until_runs("orders", *names)
            before = replica.secret_version("orders")
            await _answers(replica, f"/{namespace}/{names[0]}", old)
            pace = await trouble(Scene(defined, proxy), change)
            wanted = sorted(["orders", "made", *names[:-1]])
            await until(lambda: replica.names() == wanted, LONG)
            await until(lambda: replica.secret_version("orders") not in ("", before), LONG)
            for name in ("made", *(f"n-{one}" for one in names[:-1])):
                await _answers(replica, f"/{namespace}/{name}", new)
            assert (await replica.call(f"/{namespace}/{names[-1]}"))[0] == 404
    check(request, pace, OF_A_GATEWAY)


def _routed(namespace: str, name: str, path: str) -> dict[str, Any]:
    return http_trigger(namespace, name, "hello", path=f"{namespace}/{path}")


def _watched(namespace: str) -> dict[str, Any]:
    """A trigger with a Secret, of a broker that is away."""
    spec = {
        "topic": "orders",
        "url": "nats://127.0.0.1:1",
        "secret": "login",
        "functionSelector": {"matchLabels": {"app": "hello"}},
    }
    return custom("NATSTrigger", namespace, "orders", spec)


async def _answers(replica: Replica, path: str, pod: FunctionServer) -> None:
    """Return once a call of `path` reaches that pod."""
    async with asyncio.timeout(LONG):
        while True:
            before = len(pod.seen)
            status, _ = await replica.call(path)
            if status == 200 and len(pod.seen) > before:
                return
            await asyncio.sleep(0.05)
