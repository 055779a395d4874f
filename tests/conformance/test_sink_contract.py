"""What every sink promises, run against each through its harness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import nats
import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer

from gateway.context import Context
from gateway.core.cloudevents import event_from_json
from gateway.core.delivery import Answer, Delivery
from gateway.core.shared import Shared
from gateway.core.sink import Sink
from gateway.errors import AttemptTimeout, EventRejected, SinkUnavailable
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.registry import SINKS
from gateway.settings import DeadLetterSettings, KafkaSettings, NatsSettings, Settings
from gateway.sinks.file import FileSink
from gateway.sinks.function import FunctionSink
from gateway.sinks.http import HttpSink
from gateway.sinks.kafka import KafkaSink
from gateway.sinks.memory import MemorySink
from gateway.sinks.nats import NatsSink
from gateway.stores.memory import MemoryLedger
from tests.fakes.function_server import function_server
from tests.fakes.nats_server import NatsServer
from tests.support.events import delivery, subscription
from tests.support.gateways import DictSecrets
from tests.support.kafka import apache_kafka
from tidegate.api.subscription import DeadLetter


class SinkHarness:
    """The destination's side of one sink. `mood` is how it takes the next event."""

    mood = "take"
    cannot: frozenset[str] = frozenset()
    """Of: refuse, hang, name a time. What the destination has no notion of."""
    slow = False
    """Whether the destination takes seconds to start, so that it is left to the slow lane."""

    def __init__(self, folder: Path) -> None:
        """`folder` is free for whatever the destination keeps."""
        self.folder = folder

    async def start(self, stack: AsyncExitStack) -> Sink:
        """Start the destination and return a sink that sends to it."""
        raise NotImplementedError

    async def be(self, mood: str) -> None:
        """Take the next events so: take, be away, refuse, hang."""
        self.mood = mood

    async def taken(self) -> list[str]:
        """Return the ids of the events that the destination has."""
        raise NotImplementedError


class MemoryHarness(SinkHarness):
    """The memory sink is its own destination."""

    async def start(self, stack: AsyncExitStack) -> Sink:
        self.sink = MemorySink(self.behave)
        return self.sink

    async def behave(self, _: Delivery) -> Answer | None:
        match self.mood:
            case "be away":
                raise SinkUnavailable("away", retry_after=7)
            case "refuse":
                raise EventRejected("no")
            case "hang":
                await asyncio.Event().wait()
        return None

    async def taken(self) -> list[str]:
        return [one.id for one in self.sink.events]


def context(settings: Settings | None = None, endpoints: Endpoints | None = None) -> Context:
    """Return surroundings of a sink's own."""
    return Context(
        settings or Settings(),
        DictSecrets(),
        MemoryLedger(),
        Shared(),
        RouteTable(),
        endpoints or Endpoints(),
    )


class FunctionHarness(SinkHarness):
    """A function's server on a real socket."""

    async def start(self, stack: AsyncExitStack) -> Sink:
        self.ids: list[str] = []
        server = await stack.enter_async_context(function_server(self.behave))
        endpoints = Endpoints()
        endpoints.set(("default", "hello"), [server.address])
        return FunctionSink(subscription(), context(endpoints=endpoints))

    async def behave(self, request: web.Request, _: bytes) -> web.StreamResponse:
        match self.mood:
            case "be away":
                return web.Response(status=503, headers={"Retry-After": "7"})
            case "refuse":
                return web.Response(status=404)
            case "hang":
                await asyncio.Event().wait()
        self.ids.append(request.headers["ce-id"])
        return web.Response()

    async def taken(self) -> list[str]:
        return self.ids


class HttpHarness(FunctionHarness):
    """Any server that takes a POST."""

    async def start(self, stack: AsyncExitStack) -> Sink:
        self.ids = []
        server = await stack.enter_async_context(function_server(self.behave))
        host, port = server.address
        target = DeadLetter("http", f"http://{host}:{port}/letters")
        return HttpSink(subscription(dead_letter=target), context())


class FileHarness(SinkHarness):
    """A file; where it should be there is a folder when it is to be away."""

    cannot = frozenset({"refuse", "hang", "name a time"})

    async def start(self, stack: AsyncExitStack) -> Sink:
        self.path = self.folder / "dead.jsonl"
        settings = Settings(dead_letters=DeadLetterSettings(self.folder))
        return FileSink(
            subscription(dead_letter=DeadLetter("file", "dead.jsonl")), context(settings)
        )

    async def be(self, mood: str) -> None:
        if mood == "be away":
            self.path.mkdir()
        elif self.path.is_dir():
            self.path.rmdir()

    async def taken(self) -> list[str]:
        return [event_from_json(line).id for line in self.path.read_bytes().splitlines()]


class NatsHarness(SinkHarness):
    """A real nats-server: away is a stream that is not there, to hang is to stand still."""

    cannot = frozenset({"refuse", "name a time"})

    async def start(self, stack: AsyncExitStack) -> Sink:
        self.server = await stack.enter_async_context(NatsServer(self.folder / "nats"))
        self.client = await nats.connect(self.server.url)
        stack.push_async_callback(self.client.close)
        self.stream = self.client.jetstream()
        await self.be("take")
        settings = Settings(nats=NatsSettings(url=self.server.url))
        return NatsSink(
            subscription(dead_letter=DeadLetter("nats", "dead.orders")), context(settings)
        )

    async def be(self, mood: str) -> None:
        self.server.thaw()
        match mood:
            case "take":
                await self.stream.add_stream(name="DEAD", subjects=["dead.>"])
            case "be away":
                await self.stream.delete_stream("DEAD")
            case "hang":
                self.server.freeze()

    async def taken(self) -> list[str]:
        state = (await self.stream.stream_info("DEAD")).state
        stored = [await self.stream.get_msg("DEAD", seq + 1) for seq in range(state.last_seq)]
        return [(one.headers or {})["ce-id"] for one in stored]


class KafkaHarness(SinkHarness):
    """Apache Kafka: the broker in memory knows no idempotent producers."""

    cannot = frozenset({"refuse", "name a time"})
    slow = True

    async def start(self, stack: AsyncExitStack) -> Sink:
        self.broker = await stack.enter_async_context(apache_kafka(self.folder / "kafka"))
        await self.broker.create_topic("dead")
        kafka = KafkaSettings(brokers=(self.broker.address,), request_timeout=2, connect_timeout=2)
        target = DeadLetter("kafka", "dead")
        return KafkaSink(subscription(dead_letter=target), context(Settings(kafka=kafka)))

    async def be(self, mood: str) -> None:
        match mood:
            case "be away":
                await self.broker.stop()
            case "hang":
                self.broker.freeze()
            case "take" if self.mood == "be away":
                await self.broker.start()
            case "take":
                self.broker.thaw()
        self.mood = mood

    async def taken(self) -> list[str]:
        consumer = AIOKafkaConsumer("dead", bootstrap_servers=self.broker.address)
        await consumer.start()
        try:
            (partition,) = consumer.assignment()
            (end,) = (await consumer.end_offsets([partition])).values()
            await consumer.seek_to_beginning(partition)
            records = [await consumer.getone() for _ in range(end)]
        finally:
            await consumer.stop()
        return [dict(one.headers)["ce_id"].decode() for one in records]


HARNESSES: dict[str, type[SinkHarness]] = {
    "memory": MemoryHarness,
    "file": FileHarness,
    "function": FunctionHarness,
    "http": HttpHarness,
    "kafka": KafkaHarness,
    "nats": NatsHarness,
}


def test_every_registered_sink_has_a_harness() -> None:
    assert set(HARNESSES) == {*SINKS, "memory"}


class Bench:
    """A sink and what it sends to."""

    def __init__(self, sink: Sink, harness: SinkHarness) -> None:
        self.sink = sink
        self.harness = harness

    async def send(self, id: str = "1", timeout: float = 5.0) -> Answer | None:
        deadline = asyncio.get_running_loop().time() + timeout
        return await self.sink.send(delivery(id), deadline)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on every harness whose destination has the notions that the test needs."""
    if "bench" in metafunc.fixturenames:
        needed = {mark.args[0] for mark in metafunc.definition.iter_markers("needs")}
        able = [
            pytest.param(name, marks=[pytest.mark.slow] if one.slow else [])
            for name, one in sorted(HARNESSES.items())
            if not needed & one.cannot
        ]
        metafunc.parametrize("bench", able, indirect=True)


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    harness = HARNESSES[request.param](tmp_path)
    async with AsyncExitStack() as stack:
        sink = await harness.start(stack)
        try:
            yield Bench(sink, harness)
        finally:
            await sink.close()


async def test_it_returns_when_the_destination_has_the_event(bench: Bench) -> None:
    await bench.send("1")
    assert await bench.harness.taken() == ["1"]


async def test_a_destination_that_is_away_is_worth_another_try(bench: Bench) -> None:
    await bench.harness.be("be away")
    with pytest.raises(SinkUnavailable):
        await bench.send()
    await bench.harness.be("take")
    await bench.send()
    assert await bench.harness.taken() == ["1"]


@pytest.mark.needs("name a time")
async def test_the_time_that_a_destination_names_is_passed_on(bench: Bench) -> None:
    await bench.harness.be("be away")
    with pytest.raises(SinkUnavailable) as caught:
        await bench.send()
    assert caught.value.retry_after == 7


@pytest.mark.needs("refuse")
async def test_a_refusal_is_final(bench: Bench) -> None:
    await bench.harness.be("refuse")
    with pytest.raises(EventRejected):
        await bench.send()


@pytest.mark.needs("hang")
async def test_the_deadline_is_kept_and_unknown_is_not_success(bench: Bench) -> None:
    await bench.harness.be("hang")
    started = asyncio.get_running_loop().time()
    with pytest.raises(AttemptTimeout):
        await bench.send(timeout=0.1)
    assert asyncio.get_running_loop().time() - started < 2


@pytest.mark.needs("hang")
async def test_a_cancelled_call_hurts_no_other(bench: Bench) -> None:
    await bench.harness.be("hang")
    hanging = asyncio.create_task(bench.send("1"))
    await asyncio.sleep(0.05)  # let it reach the destination
    await bench.harness.be("take")
    other = asyncio.create_task(bench.send("2"))
    hanging.cancel()
    await other
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert "2" in await bench.harness.taken()


async def test_many_at_once_all_arrive(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(bench.send(str(number)))
    assert sorted(await bench.harness.taken(), key=int) == [str(number) for number in range(100)]


async def test_it_may_be_closed_twice(bench: Bench) -> None:
    await bench.send()
    await bench.sink.close()
    await bench.sink.close()
