"""What every sink promises, run against each through its harness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from gateway.context import Context
from gateway.core.delivery import Answer, Delivery
from gateway.core.shared import Shared
from gateway.core.sink import Sink
from gateway.errors import AttemptTimeout, EventRejected, SinkUnavailable
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.registry import SINKS
from gateway.settings import Settings
from gateway.sinks.function import FunctionSink
from gateway.sinks.memory import MemorySink
from gateway.stores.memory import MemoryLedger
from tests.fakes.function_server import function_server
from tests.support.events import delivery, subscription
from tests.support.gateways import DictSecrets


class SinkHarness:
    """The destination's side of one sink. `mood` is how it takes the next event."""

    mood = "take"

    async def start(self, stack: AsyncExitStack) -> Sink:
        """Start the destination and return a sink that sends to it."""
        raise NotImplementedError

    def taken(self) -> list[str]:
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

    def taken(self) -> list[str]:
        return [one.id for one in self.sink.events]


class FunctionHarness(SinkHarness):
    """A function's server on a real socket."""

    async def start(self, stack: AsyncExitStack) -> Sink:
        self.ids: list[str] = []
        server = await stack.enter_async_context(function_server(self.behave))
        endpoints = Endpoints()
        endpoints.set(("default", "hello"), [server.address])
        context = Context(
            Settings(), DictSecrets(), MemoryLedger(), Shared(), RouteTable(), endpoints
        )
        return FunctionSink(subscription(), context)

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

    def taken(self) -> list[str]:
        return self.ids


HARNESSES: dict[str, type[SinkHarness]] = {"memory": MemoryHarness, "function": FunctionHarness}


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


@pytest.fixture(params=sorted(HARNESSES))
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    harness = HARNESSES[request.param]()
    async with AsyncExitStack() as stack:
        sink = await harness.start(stack)
        try:
            yield Bench(sink, harness)
        finally:
            await sink.close()


async def test_it_returns_when_the_destination_has_the_event(bench: Bench) -> None:
    await bench.send("1")
    assert bench.harness.taken() == ["1"]


async def test_a_destination_that_is_away_is_worth_another_try(bench: Bench) -> None:
    bench.harness.mood = "be away"
    with pytest.raises(SinkUnavailable) as caught:
        await bench.send()
    assert caught.value.retry_after == 7
    bench.harness.mood = "take"
    await bench.send()
    assert bench.harness.taken() == ["1"]


async def test_a_refusal_is_final(bench: Bench) -> None:
    bench.harness.mood = "refuse"
    with pytest.raises(EventRejected):
        await bench.send()


async def test_the_deadline_is_kept_and_unknown_is_not_success(bench: Bench) -> None:
    bench.harness.mood = "hang"
    started = asyncio.get_running_loop().time()
    with pytest.raises(AttemptTimeout):
        await bench.send(timeout=0.1)
    assert asyncio.get_running_loop().time() - started < 2


async def test_a_cancelled_call_hurts_no_other(bench: Bench) -> None:
    bench.harness.mood = "hang"
    hanging = asyncio.create_task(bench.send("1"))
    await asyncio.sleep(0.05)  # let it reach the destination
    bench.harness.mood = "take"
    other = asyncio.create_task(bench.send("2"))
    hanging.cancel()
    await other
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert bench.harness.taken() == ["2"]


async def test_many_at_once_all_arrive(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(bench.send(str(number)))
    assert sorted(bench.harness.taken(), key=int) == [str(number) for number in range(100)]


async def test_it_may_be_closed_twice(bench: Bench) -> None:
    await bench.send()
    await bench.sink.close()
    await bench.sink.close()
