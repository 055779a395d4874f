"""A whole replica against an API server in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controllers.report import TriggerName
from controllers.reports import GatewayReports
from gateway.cluster.kinds import RESOURCES
from gateway.core.progress import State
from gateway.errors import ConfigError
from gateway.sources.cron import CronSource
from tests.fakes.function_server import function_server
from tests.fakes.kube_memory import KubeMemory
from tests.support.cluster import (
    PATIENCE,
    Replica,
    Stage,
    custom,
    function,
    http_trigger,
    replica_of,
    secret,
    slice_of,
)
from tests.support.waiting import until
from tidegate.kube.client import connected
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import LEASES
from tidegate.kube.selection import Selection


def nats_trigger(secret: str) -> Object:
    """A trigger of a server that is away."""
    spec = {
        "topic": "orders",
        "url": "nats://127.0.0.1:1",
        "secret": secret,
        "functionSelector": {"matchLabels": {"function": "hello"}},
    }
    return custom("NATSTrigger", "default", "orders", spec)


@pytest.fixture
async def server() -> AsyncIterator[KubeMemory]:
    one = KubeMemory()
    for resource in RESOURCES.values():
        one.serve(resource)
    async with one.running():
        yield one


@pytest.fixture
async def stage(server: KubeMemory) -> AsyncIterator[Stage]:
    async with connected(server.access()) as client:
        yield Stage(client)


@pytest.fixture
async def replica(server: KubeMemory) -> AsyncIterator[Replica]:
    async with replica_of(server.access(), "default") as one:
        yield one


async def test_a_call_reaches_the_function_of_its_trigger(stage: Stage, replica: Replica) -> None:
    async with function_server() as pod:
        await stage.apply(
            function("default", "hello"),
            http_trigger("default", "web", "hello", path="/hello"),
            slice_of("default", "hello", pod.address[1]),
        )
        await replica.until_runs("web")
        await until(lambda: replica.gateway.endpoints.ready(("default", "hello")), PATIENCE)
        assert await replica.call("/hello", "x") == (200, "ok")


async def test_calls_are_asked_for_once_all_is_known(server: KubeMemory, stage: Stage) -> None:
    async with function_server() as pod:
        await stage.apply(
            function("default", "hello"),
            http_trigger("default", "web", "hello", path="/hello"),
            slice_of("default", "hello", pod.address[1]),
        )
        async with replica_of(server.access(), "default") as replica:
            assert await replica.ready()
            assert (await replica.call("/hello"))[0] == 200


async def test_a_trigger_that_goes_is_followed(stage: Stage, replica: Replica) -> None:
    trigger = http_trigger("default", "web", "hello", path="/hello")
    await stage.apply(trigger)
    await replica.until_runs("web")
    await stage.delete(trigger)
    await replica.until_runs()
    assert (await replica.call("/hello"))[0] == 404


async def test_no_call_is_lost_while_a_function_is_rolled(stage: Stage, replica: Replica) -> None:
    async with function_server() as old, function_server() as new:
        before = slice_of("default", "hello", old.address[1])
        await stage.apply(
            function("default", "hello"),
            http_trigger("default", "web", "hello", path="/hello"),
            before,
        )
        await until(lambda: replica.gateway.endpoints.ready(("default", "hello")), PATIENCE)
        await replica.until_runs("web")
        answers: list[int] = []

        async def calls() -> None:
            while not new.seen:
                answers.append((await replica.call("/hello"))[0])

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            group.create_task(calls())
            leaving = {"ready": False, "serving": True, "terminating": True}
            await stage.apply(slice_of("default", "hello", old.address[1], **leaving))
            await stage.apply(slice_of("default", "hello", new.address[1]))
            await stage.delete(before)
        assert set(answers) == {200}


async def test_what_runs_goes_on_while_watches_break(
    server: KubeMemory, stage: Stage, replica: Replica
) -> None:
    await stage.apply(http_trigger("default", "first", "hello", path="/first"))
    await replica.until_runs("first")
    for name in ("second", "third"):
        server.cut()
        await stage.apply(http_trigger("default", name, "hello", path=f"/{name}"))
    await replica.until_runs("first", "second", "third")


async def test_a_secret_that_changes_restarts_what_uses_it(stage: Stage, replica: Replica) -> None:
    await stage.apply(
        secret("default", "login", token="first"),
        secret("default", "others", token="not ours"),
        function("default", "hello", function="hello"),
        nats_trigger("login"),
    )
    await replica.until_runs("orders")
    assert replica.secret_version("orders")
    first = replica.secret_version("orders")
    await stage.apply(secret("default", "login", token="second"))
    await until(lambda: replica.secret_version("orders") not in ("", first), PATIENCE)
    with pytest.raises(ConfigError, match="default/others"):
        replica.cluster.secrets.read("default", "others")


async def test_a_secret_that_is_not_there_is_said_and_taken_when_it_comes(
    stage: Stage, replica: Replica
) -> None:
    await stage.apply(function("default", "hello", function="hello"), nats_trigger("keys"))
    await replica.until_runs("orders")
    await until(lambda: replica.state("orders") is State.REFUSED, PATIENCE)
    assert "there is no Secret default/keys; create it" in replica.reason("orders")
    before = replica.secret_version("orders")
    await stage.apply(secret("default", "keys", token="a"))
    await until(lambda: replica.secret_version("orders") != before, PATIENCE)


async def test_replicas_share_triggers_and_take_over_from_who_leaves(
    server: KubeMemory, stage: Stage
) -> None:
    assert CronSource  # its library reads files when it is imported
    crons = [f"tick-{number}" for number in range(12)]
    spec = {"schedule": "0 0 1 1 *", "function-name": "hello"}
    await stage.apply(*(custom("CronJobTrigger", "default", name, spec) for name in crons))
    async with replica_of(server.access(), "default", "one") as one:
        await one.until_runs(*crons)
        async with replica_of(server.access(), "default", "two") as two:
            await until(lambda: sorted(one.names() + two.names()) == sorted(crons), PATIENCE)
            assert one.names()
            assert two.names()
            await until(two.all_running, PATIENCE)
        await one.until_runs(*crons)
        await until(one.all_running, PATIENCE)


async def test_a_replica_that_left_leaves_no_lease(server: KubeMemory, stage: Stage) -> None:
    async with replica_of(server.access(), "default", "one"):
        assert await stage.client.get(LEASES, ObjectKey("default", "tidegate-one"))
    assert (await stage.client.list(Selection(LEASES, "default"))).items == []


async def test_a_replica_that_goes_answers_until_nobody_calls_it(
    server: KubeMemory, stage: Stage
) -> None:
    assert CronSource
    spec = {"schedule": "0 0 1 1 *", "function-name": "hello"}
    async with (
        function_server() as pod,
        replica_of(server.access(), "default", "two", endpoints_lag=0.0) as two,
        replica_of(server.access(), "default", "one", endpoints_lag=6.0) as one,
    ):
        await stage.apply(
            http_trigger("default", "web", "hello", path="/hello"),
            slice_of("default", "hello", pod.address[1]),
            *(custom("CronJobTrigger", "default", f"tick-{n}", spec) for n in range(8)),
        )
        await until(lambda: len(one.names() + two.names()) == 10, PATIENCE)
        one.stop.set()
        await until(lambda: one.names() == ["web"], PATIENCE)
        assert not await one.ready()
        assert (await one.call("/hello"))[0] == 200
        await until(lambda: len(two.names()) == 9 and two.all_running(), PATIENCE)


async def rows(replica: Replica) -> list[dict[str, Any]]:
    """Return what the replica reports."""
    url = f"http://127.0.0.1:{replica.gateway.admin_port}/subscriptions"
    async with replica.session.get(url) as response:
        found: list[dict[str, Any]] = await response.json()
        return found


async def until_missing(replica: Replica, *wanted: object) -> None:
    """Return once the only trigger is reported with these missing Secrets."""
    async with asyncio.timeout(PATIENCE):
        while [one.get("missingSecrets") for one in await rows(replica)] != list(wanted):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["NATSTrigger", "HTTPTrigger"])
async def test_a_report_says_which_secrets_are_not_there(
    stage: Stage, replica: Replica, kind: str
) -> None:
    names = {"host-name": "a.example.com", "tls-secret": "login"}
    http = http_trigger("default", "orders", "hello", path="/hello", **names)
    trigger = nats_trigger("login") if kind == "NATSTrigger" else http
    await stage.apply(function("default", "hello", function="hello"), trigger)
    await until_missing(replica, ["login"])
    await stage.apply(secret("default", "login", token="first"))
    await until_missing(replica, [])
    await stage.delete(trigger)
    await replica.until_runs()


async def test_one_answer_has_a_bounded_number_of_subscriptions(
    stage: Stage, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.admin.MOST_ROWS", 2)
    names = [f"web-{number}" for number in range(5)]
    await stage.apply(*(http_trigger("default", one, "hello", path=one) for one in names))
    await replica.until_runs(*names)
    found: list[TriggerName] = []
    address = f"127.0.0.1:{replica.gateway.admin_port}"
    reports = GatewayReports(lambda: [address])
    reports.subscribe(found.append, lambda: None)
    task = asyncio.create_task(reports.run(), name="reports of a test")
    await until(lambda: reports.asked, PATIENCE)
    task.cancel()
    assert sorted(one.key.name for one in found) == names
    assert len(await rows(replica)) == 2
