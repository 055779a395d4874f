"""The gateway on a real API server: events follow the objects, and replicas each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nats
import pytest

from controllers.local.settings import LocalSettings
from gateway.cluster.named_secrets import NamedSecrets
from gateway.cluster.wanted import Name
from gateway.sources.cron import CronSource
from gateway.stores.kubernetes import KEEPS
from tests.fakes.function_server import FunctionServer, function_server
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import KubeServer
from tests.fakes.nats_server import NatsServer
from tests.support import laptop
from tests.support.cluster import (
    Stage,
    custom,
    function,
    http_trigger,
    replica_of,
    secret,
    slice_of,
)
from tests.support.definitions import install
from tests.support.replica_process import ReplicaProcess, replica_process
from tests.support.waiting import until
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import Object
from tidegate.kube.resources import LEASES, SECRETS
from tidegate.kube.selection import Selection

pytestmark = pytest.mark.timeout(240)

PATIENCE = 60


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats") as server:
        yield server


def stream_trigger(namespace: str, subject: str, **labels: str) -> Object:
    """A trigger of a stream that it makes itself."""
    spec: dict[str, Any] = {
        "topic": subject,
        "functionSelector": {"matchLabels": labels},
        "jetstream": {"stream": "orders", "createStream": True, "durable": "orders"},
    }
    return custom("NATSTrigger", namespace, "orders", spec)


async def publish(broker: NatsServer, subject: str, numbers: range) -> None:
    """Publish numbers, each confirmed by the stream."""
    connection = await nats.connect(broker.url)
    try:
        for number in numbers:
            await connection.jetstream().publish(subject, str(number).encode())
    finally:
        await connection.close()


def numbers(pod: FunctionServer) -> set[int]:
    """Return which numbers a function has seen."""
    return {int(one.body) for one in pod.seen}


async def holders(client: KubeClient, namespace: str) -> list[str]:
    """Return which process holds each record."""
    found = await client.list(Selection(LEASES, namespace, labels=f"{KEEPS}=ledger"))
    return [lease["spec"].get("holderIdentity", "") for lease in found.items]


async def shared(names: set[str], one: ReplicaProcess, two: ReplicaProcess) -> None:
    """Return once each trigger runs in one of the two, and both have some."""
    async with asyncio.timeout(PATIENCE):
        while True:
            first, second = await one.triggers(), await two.triggers()
            if first and second and first | second == names and not first & second:
                return
            await asyncio.sleep(0.1)


async def test_a_call_reaches_a_function_and_follows_its_pods(
    defined: KubeServer, admitting: KubeClient, tmp_path: Path
) -> None:
    namespace, stage = await new_namespace(admitting), Stage(admitting)
    settings = LocalSettings(tmp_path, process=laptop.FAST)
    async with (
        laptop.running(settings) as pods,
        replica_of(defined.access(), namespace, namespace=namespace) as gateway,
    ):
        pods.functions.want([laptop.function("return 'first'")])
        (old,) = await pods.ready()
        await stage.apply(
            function(namespace, "hello"),
            http_trigger(namespace, "web", "hello", path=f"/{namespace}"),
            slice_of(namespace, "hello", old[1]),
        )
        await until(lambda: gateway.gateway.endpoints.ready((namespace, "hello")), PATIENCE)
        await gateway.until_runs("web")
        assert await gateway.call(f"/{namespace}") == (200, "first")
        pods.functions.want([laptop.function("return 'second'")])
        ((host, port),) = await pods.changed((old,))
        await stage.apply(slice_of(namespace, "hello", port))
        await stage.delete(slice_of(namespace, "hello", old[1]))
        at = ((host, port),)
        await until(lambda: gateway.gateway.endpoints.ready((namespace, "hello")) == at, PATIENCE)
        assert await gateway.call(f"/{namespace}") == (200, "second")


async def test_events_follow_labels_topics_and_functions(
    defined: KubeServer, admitting: KubeClient, broker: NatsServer
) -> None:
    namespace, stage = await new_namespace(admitting), Stage(admitting)
    async with (
        function_server() as pod,
        replica_of(defined.access(), namespace, nats=broker.url, namespace=namespace) as gateway,
    ):
        await stage.apply(
            function(namespace, "hello", team="a"),
            slice_of(namespace, "hello", pod.address[1]),
            stream_trigger(namespace, "orders.new", team="a"),
        )
        await gateway.until_runs("orders")
        await until(gateway.all_running, PATIENCE)
        await publish(broker, "orders.new", range(10))
        await until(lambda: numbers(pod) == set(range(10)), PATIENCE)

        await stage.apply(function(namespace, "hello", team="b"))
        await gateway.until_runs()
        await publish(broker, "orders.new", range(10, 20))
        assert numbers(pod) == set(range(10))

        await stage.apply(function(namespace, "hello", team="a"))
        await until(lambda: numbers(pod) == set(range(20)), PATIENCE)
        await stage.delete(function(namespace, "hello"))
        await gateway.until_runs()


async def test_nothing_is_lost_while_the_api_server_is_away(
    own_server: KubeServer, broker: NatsServer
) -> None:
    async with connected(own_server.access()) as client, function_server() as pod:
        await install(client)
        namespace, stage = await new_namespace(client), Stage(client)
        await stage.apply(
            function(namespace, "hello", team="a"),
            slice_of(namespace, "hello", pod.address[1]),
            stream_trigger(namespace, "orders.new", team="a"),
        )
        access = own_server.access()
        async with replica_of(access, namespace, nats=broker.url, namespace=namespace) as gateway:
            await until(gateway.all_running, PATIENCE)
            await asyncio.to_thread(own_server.kill_api)
            await publish(broker, "orders.new", range(20))
            await until(lambda: numbers(pod) == set(range(20)), PATIENCE)
            await asyncio.to_thread(own_server.start_api)
            await stage.delete(stream_trigger(namespace, "orders.new", team="a"))
            await gateway.until_runs()
            assert len(pod.seen) == 20


async def schedule_yearly(client: KubeClient, namespace: str, names: set[str]) -> None:
    """Make triggers that need a replica and do not fire."""
    spec = {"schedule": "0 0 1 1 *", "function-name": "hello"}
    triggers = (custom("CronJobTrigger", namespace, name, spec) for name in names)
    await Stage(client).apply(*triggers)


async def test_the_triggers_of_a_killed_replica_move(
    defined: KubeServer, admitting: KubeClient, tmp_path: Path
) -> None:
    namespace, names = await new_namespace(admitting), {f"tick-{number}" for number in range(10)}
    kubeconfig = await asyncio.to_thread(defined.kubeconfig, tmp_path / "config")
    await schedule_yearly(admitting, namespace, names)
    async with (
        replica_process(kubeconfig, namespace, "one") as one,
        replica_process(kubeconfig, namespace, "two") as two,
    ):
        await shared(names, one, two)
        one.kill()
        await two.until_runs(names)
        assert await two.end() == 0
    assert await holders(admitting, namespace) == [""] * len(names)


@pytest.mark.slow
async def test_each_tick_fires_once_while_replicas_come_and_go(
    defined: KubeServer, admitting: KubeClient
) -> None:
    assert CronSource  # its library reads files when it is imported
    namespace, stage = await new_namespace(admitting), Stage(admitting)
    spec = {"schedule": "@every 1s", "function-name": "hello", "missedRuns": "all"}
    async with function_server() as pod, AsyncExitStack() as replicas:
        await stage.apply(
            function(namespace, "hello"),
            slice_of(namespace, "hello", pod.address[1]),
            custom("CronJobTrigger", namespace, "tick", spec),
        )
        for name in ("one", "two", "three"):
            one = replica_of(defined.access(), namespace, name, namespace=namespace)
            await replicas.enter_async_context(one)
            await pod.until(len(pod.seen) + 2, PATIENCE)
        await replicas.aclose()
    times = sorted(datetime.fromisoformat(one.headers["ce-time"]) for one in pod.seen)
    assert len({one.headers["ce-id"] for one in pod.seen}) == len(pod.seen)
    assert times == [times[0] + timedelta(seconds=at) for at in range(len(times))]


@pytest.mark.slow
async def test_the_workers_of_a_replica_write_its_records(
    defined: KubeServer, admitting: KubeClient, tmp_path: Path
) -> None:
    namespace, names = await new_namespace(admitting), {f"tick-{number}" for number in range(4)}
    kubeconfig = await asyncio.to_thread(defined.kubeconfig, tmp_path / "config")
    await schedule_yearly(admitting, namespace, names)
    async with replica_process(kubeconfig, namespace, "one", "--workers", "2") as one:
        await one.until_runs(names)
        (holder,) = set(await holders(admitting, namespace))
        assert holder.startswith("one_")
        assert await one.end() == 0
    assert await holders(admitting, namespace) == [""] * len(names)


async def test_of_secrets_of_an_ingress_a_gateway_sees_the_names_alone(
    defined: KubeServer, admitting: KubeClient
) -> None:
    namespace, stage = await new_namespace(admitting), Stage(admitting)
    trigger = Name("HTTPTrigger", namespace, "web")
    async with connected(defined.access()) as client:
        names = NamedSecrets(client)
        names.need({trigger: ("cert", "users")})
        following = asyncio.create_task(names.run(), name="names of a test")
        try:
            await until(lambda: names.missing(trigger) == ["cert", "users"], PATIENCE)
            await stage.apply(secret(namespace, "cert", key="private"))
            await until(lambda: names.missing(trigger) == ["users"], PATIENCE)
            listed = await client.list(Selection(SECRETS, namespace, metadata_only=True))
            names.need({})
            assert names.missing(trigger) is None
        finally:
            following.cancel()
            await asyncio.wait([following])
    assert [one["metadata"]["name"] for one in listed.items] == ["cert"]
    assert not any(field in one for one in listed.items for field in ("data", "type"))
