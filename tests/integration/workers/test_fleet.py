"""Workers that die, hang and come back, and what they share, with the test as their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import nats
import pytest
from aiohttp import web

from gateway.core.delivery import Outcome
from gateway.core.progress import State
from gateway.errors import ConfigError
from gateway.letters.selection import Selection
from gateway.redrive import Result
from gateway.workers.fleet import Fleet
from gateway.workers.settings import FleetSettings
from tests.fakes.function_server import function_server
from tests.fakes.nats_server import NatsServer
from tests.integration.workers.fleet import PATIENCE, Running, running_fleet, settings
from tests.support.gateways import DictSecrets
from tests.support.waiting import until
from tidegate.api.subscription import (
    DeadLetter,
    DeliveryPolicy,
    HttpRoute,
    JetStreamConsumer,
    NatsSubject,
    OnExhausted,
    SecretRef,
    Subscription,
)

ROOT = Path(__file__).parents[3]
EVENTS = 40
TOKEN = "a-token-that-nobody-shall-see"
SECRETS = DictSecrets({("default", "broker"): {"token": TOKEN.encode()}})


def care(folder: Path, **other: float) -> FleetSettings:
    """Return settings of two workers."""
    return FleetSettings(2, folder / "ledger.sqlite", **other)


def route(path: str = "/", **policy: object) -> Subscription:
    """Return an HTTP trigger."""
    made = DeliveryPolicy(**{"retry": 0, "backoff_delay": 0.01, **policy})  # type: ignore[arg-type]
    return Subscription("default", "HTTPTrigger", "orders", "hello", HttpRoute("", path), "", made)


async def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    async with function_server() as function:
        silent = care(tmp_path, silence=4.0)
        async with running_fleet(silent, [route()], function.address) as running:
            await running.serving()
            hung = running.pids()[0]
            os.kill(hung, signal.SIGSTOP)
            await until(lambda: running.pids()[0] not in (0, hung), PATIENCE)
            await running.serving()
            assert await running.call(20) == [200] * 20


async def test_calls_wait_for_a_worker_that_comes_back_at_once(tmp_path: Path) -> None:
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [route()], function.address) as running,
    ):
        await running.serving()
        os.kill(running.pids()[0], signal.SIGKILL)
        await until(lambda: running.pids()[0] == 0, PATIENCE)
        assert await running.call(40) == [200] * 40


async def test_calls_go_to_the_others_while_a_worker_is_away_for_long(tmp_path: Path) -> None:
    async with function_server() as function:
        slow = care(tmp_path, restart_delay=3600.0, restart_delay_max=3600.0)
        async with running_fleet(slow, [route()], function.address) as running:
            await running.serving()
            os.kill(running.pids()[0], signal.SIGKILL)
            await until(lambda: running.pids()[0] == 0, PATIENCE)
            assert await running.call(40) == [200] * 40
            assert running.fleet.ready()


async def test_a_worker_that_reports_nonsense_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.workers.process.MODULE", "tests.integration.workers.babbler")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [route()], function.address) as running,
    ):
        await until(lambda: running.fleet.workers()[0]["restarts"], PATIENCE)
        assert "reports nonsense" in caplog.text
        monkeypatch.undo()
        await running.serving()
        assert await running.call(4) == [200] * 4


async def test_a_worker_leaves_the_order_to_stop_to_its_parent(tmp_path: Path) -> None:
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [route()], function.address) as running,
    ):
        await running.serving()
        pids = running.pids()
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGINT)
        assert await running.call(20) == [200] * 20
        assert running.pids() == pids


async def test_a_stop_right_after_the_start_is_prompt(tmp_path: Path) -> None:
    started = time.monotonic()
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [route()], function.address),
    ):
        pass
    assert time.monotonic() - started < PATIENCE


async def test_a_cancelled_fleet_leaves_no_process(tmp_path: Path) -> None:
    fleet = Fleet(settings(tmp_path), DictSecrets(), care(tmp_path))
    await fleet.start()
    task = asyncio.create_task(fleet.run())
    await until(lambda: all(row["serving"] for row in fleet.workers()), PATIENCE)
    pids = [row["pid"] for row in fleet.workers()]
    task.cancel()
    await asyncio.wait([task], timeout=PATIENCE)
    assert task.cancelled()
    assert not [pid for pid in pids if await asyncio.to_thread(Path(f"/proc/{pid}").exists)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A broker that asks for a token."""
    async with NatsServer(tmp_path / "nats", config=f'authorization {{ token: "{TOKEN}" }}') as one:
        yield one


def stream(server: NatsServer, **policy: object) -> Subscription:
    """Return a JetStream trigger that logs in with a Secret."""
    durable = JetStreamConsumer("durable", "ORDERS", create_stream=True)
    source = NatsSubject("orders", "queue", server.url, SecretRef("broker"), jetstream=durable)
    made = DeliveryPolicy(**{"retry": 0, "backoff_delay": 0.01, **policy})  # type: ignore[arg-type]
    return Subscription("default", "NATSTrigger", "orders", "hello", source, policy=made)


async def publish(server: NatsServer, count: int) -> None:
    """Publish messages, each acknowledged by the stream."""
    client = await nats.connect(server.url, token=TOKEN)
    try:
        for number in range(count):
            await client.jetstream().publish("orders", b"%d" % number)
    finally:
        await client.close()


class Moods:
    """A function that refuses until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    async def __call__(self, request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=200 if self.mended else 400)


async def reading(running: Running) -> None:
    """Wait until every worker reads; the sum shows the worst state of those that have reported."""
    await running.serving()
    await until(lambda: running.progress().state is State.RUNNING, PATIENCE)


def ended(running: Running, outcome: Outcome) -> int:
    """Return how many events ended so."""
    return running.progress().books.outcomes[outcome]


def both_received(running: Running) -> bool:
    """Tell whether no worker was left out."""
    return all(row["received"] for row in running.fleet.workers())


async def test_all_workers_write_dead_letters_to_one_file_and_they_are_redriven(
    tmp_path: Path, server: NatsServer
) -> None:
    mood, results = Moods(), list[Result]()
    one = stream(
        server, dead_letter=DeadLetter("file", "dead"), on_exhausted=OnExhausted.DEAD_LETTER
    )

    async def tell(result: Result) -> None:
        results.append(result)

    async with (
        function_server(mood) as function,
        running_fleet(care(tmp_path), [one], function.address, SECRETS) as running,
    ):
        await reading(running)
        await publish(server, EVENTS)
        await until(lambda: ended(running, Outcome.DEAD_LETTERED) == EVENTS, PATIENCE)
        assert both_received(running)
        mood.mended = True
        await running.fleet.dead_letters.redrive(Selection(), 10_000.0, tell)
        assert {result.error for result in results} == {""}
        assert len({result.id for result in results}) == EVENTS
        assert not await asyncio.to_thread((tmp_path / "dead").exists), "some are left"


async def test_what_all_workers_have_parked_is_resumed(tmp_path: Path, server: NatsServer) -> None:
    mood = Moods()
    async with (
        function_server(mood) as function,
        running_fleet(care(tmp_path), [stream(server)], function.address, SECRETS) as running,
    ):
        await reading(running)
        await publish(server, EVENTS)
        await until(lambda: running.progress().parked == EVENTS, PATIENCE)
        assert both_received(running)
        mood.mended = True
        running.fleet.resume(("default", "hello"))
        await until(lambda: ended(running, Outcome.DELIVERED) == EVENTS, PATIENCE)
        assert running.progress().parked == 0


async def test_a_secret_is_neither_an_argument_nor_a_variable_of_a_worker(
    tmp_path: Path, server: NatsServer
) -> None:
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [stream(server)], function.address, SECRETS) as running,
    ):
        await reading(running)
        for pid in running.pids():
            for what in ("cmdline", "environ"):
                seen = await asyncio.to_thread(Path(f"/proc/{pid}/{what}").read_bytes)
                assert TOKEN.encode() not in seen


async def test_a_secret_that_is_missing_refuses_the_trigger_and_says_so(
    tmp_path: Path, server: NatsServer
) -> None:
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [stream(server), route()], function.address) as running,
    ):
        await running.serving()
        await until(lambda: running.progress().state is State.REFUSED, PATIENCE)
        assert "Secret default/broker does not exist" in running.progress().reason
        assert await running.call(4) == [200] * 4


async def test_a_port_that_is_taken_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [], function.address) as running,
    ):
        base = settings(tmp_path)
        taken = replace(base, http=replace(base.http, port=running.fleet.port))
        with pytest.raises(ConfigError, match="the front door cannot listen"):
            await Fleet(taken, DictSecrets(), care(tmp_path)).start()
