"""Batches between the real dispatcher and a function's server, and what becomes of each event."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from gateway.context import Context
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.core.shared import Shared
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.settings import Settings
from gateway.sinks.batch import BatchSink
from gateway.sinks.function import FunctionSink
from gateway.sinks.memory import MemorySink
from gateway.sources.memory import MemoryLog, MemorySource
from gateway.stores.memory import MemoryLedger
from tests.fakes.function_server import function_server
from tests.support.background import at_work
from tests.support.events import event, subscription
from tests.support.gateways import DictSecrets
from tests.support.waiting import until
from tidegate.api.subscription import Batch, OnExhausted, Ordering

Function = Callable[[list[str], web.Request], Awaitable[web.Response]]


async def ok(ids: list[str], request: web.Request) -> web.Response:
    return web.Response()


class Bench:
    """A dispatcher with a batching sink, and every batch that the function saw."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.progress = Progress()
        self.dead = MemorySink()
        self.batches: list[list[str]] = []
        self.function: Function = ok

    async def behave(self, request: web.Request, body: bytes) -> web.Response:
        assert request.headers["content-type"] == "application/cloudevents-batch+json"
        ids = [one["id"] for one in json.loads(body)]
        self.batches.append(ids)
        return await self.function(ids, request)

    def outcomes(self) -> dict[str, int]:
        assert self.progress.books.drift == 0
        counts = self.progress.books.outcomes
        return {kind.value: count for kind, count in counts.items() if count}

    async def run(self, stack: AsyncExitStack, batch: Batch, **policy: Any) -> None:
        server = await stack.enter_async_context(function_server(self.behave))
        endpoints = Endpoints()
        endpoints.set(("default", "hello"), [server.address])
        context = Context(
            Settings(), DictSecrets(), MemoryLedger(), Shared(), RouteTable(), endpoints
        )
        fast = {"backoff_delay": 0.01, "concurrency": 2, "timeout": 5.0} | policy
        one = subscription(batch=batch, on_exhausted=OnExhausted.DEAD_LETTER, **fast)
        sink = BatchSink(FunctionSink(one, context), one)
        stack.push_async_callback(sink.close)
        dispatcher = Dispatcher(
            one, Route(MemorySource(self.log), sink, self.dead), self.progress, Limits()
        )
        await stack.enter_async_context(at_work(dispatcher))

    async def until_settled(self, count: int) -> None:
        await until(lambda: self.log.committed[0] == count, timeout=10)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def fill(log: MemoryLog, count: int, keys: int = 10**9) -> None:
    for number in range(count):
        log.append(event(str(number)), f"key{number % keys}")


TEN = Batch(max_events=10, max_bytes=10**6, max_wait=0.05)


async def test_events_share_calls_up_to_the_limit(bench: Bench) -> None:
    fill(bench.log, 100)
    async with AsyncExitStack() as stack:
        await bench.run(stack, TEN)
        await bench.until_settled(100)
    assert len(bench.batches) == 10
    assert bench.outcomes() == {"delivered": 100}


async def test_a_batch_does_not_wait_longer_than_max_wait(bench: Bench) -> None:
    fill(bench.log, 3)
    async with AsyncExitStack() as stack:
        await bench.run(stack, TEN)
        await bench.until_settled(3)
    assert bench.batches == [["0", "1", "2"]]


async def test_bytes_end_a_batch_too(bench: Bench) -> None:
    for number in range(6):
        bench.log.append(event(str(number), data=b"x" * 100))
    async with AsyncExitStack() as stack:
        await bench.run(stack, Batch(max_events=10, max_bytes=300, max_wait=0.05))
        await bench.until_settled(6)
    assert [len(ids) for ids in bench.batches] == [3, 3]


async def test_only_the_named_items_are_tried_again(bench: Bench) -> None:
    async def fail_three_once(ids: list[str], _: web.Request) -> web.Response:
        first = len(bench.batches) == 1
        return web.json_response({"batchItemFailures": [{"itemIdentifier": "3"}] if first else []})

    bench.function = fail_three_once
    fill(bench.log, 10)
    async with AsyncExitStack() as stack:
        await bench.run(stack, TEN)
        await bench.until_settled(10)
    assert bench.batches[1:] == [["3"]]
    assert bench.outcomes() == {"delivered": 10}


@pytest.mark.parametrize("answer", [{"batchItemFailures": [{"itemIdentifier": "x"}]},
                                    {"batchItemFailures": [{"wrong": 1}]},
                                    {"batchItemFailures": 7}])  # fmt: skip
@pytest.mark.regression("Dapr: failures of a batch are ignored")
async def test_failures_that_cannot_be_understood_fail_the_batch(
    bench: Bench, answer: dict[str, Any]
) -> None:
    async def wrong_once(ids: list[str], _: web.Request) -> web.Response:
        return web.json_response(answer if len(bench.batches) == 1 else {})

    bench.function = wrong_once
    fill(bench.log, 4)
    async with AsyncExitStack() as stack:
        await bench.run(stack, TEN)
        await bench.until_settled(4)
    assert sorted(id for ids in bench.batches[1:] for id in ids) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("status", [500, 422])
async def test_halving_finds_the_poison_at_no_others_cost(bench: Bench, status: int) -> None:
    async def choke_on_seven(ids: list[str], _: web.Request) -> web.Response:
        return web.Response(status=status if "7" in ids else 200)

    bench.function = choke_on_seven
    fill(bench.log, 10)
    async with AsyncExitStack() as stack:
        await bench.run(stack, TEN, retry=0)
        await bench.dead.until(1)
        await bench.until_settled(10)
    assert [one.id for one in bench.dead.events] == ["7"]
    assert bench.outcomes() == {"delivered": 9, "deadLettered": 1}
    delivered = [id for ids in bench.batches if "7" not in ids for id in ids]
    assert len(delivered) == len(set(delivered)) == 9


async def test_a_batch_that_kills_the_process_is_next_tried_one_by_one(bench: Bench) -> None:
    async def die_of_two(ids: list[str], request: web.Request) -> web.Response:
        if "2" in ids:
            assert request.transport is not None
            request.transport.abort()
        return web.Response()

    bench.function = die_of_two
    fill(bench.log, 5)
    async with AsyncExitStack() as stack:
        await bench.run(stack, TEN, retry=3)
        await bench.dead.until(1)
        await bench.until_settled(5)
    assert bench.outcomes() == {"delivered": 4, "deadLettered": 1}
    assert {tuple(ids) for ids in bench.batches[1:]} == {("0",), ("1",), ("2",), ("3",), ("4",)}


async def test_one_key_stays_in_order_through_failures(bench: Bench) -> None:
    seen: list[str] = []
    failed_before: set[str] = set()

    async def fail_a_third(ids: list[str], _: web.Request) -> web.Response:
        failed = [id for id in ids if int(id) % 3 == 0 and id not in failed_before]
        failed_before.update(failed)
        seen.extend(id for id in ids if id not in failed)
        return web.json_response({"batchItemFailures": [{"itemIdentifier": i} for i in failed]})

    bench.function = fail_a_third
    fill(bench.log, 60, keys=6)
    async with AsyncExitStack() as stack:
        await bench.run(stack, TEN, ordering=Ordering.KEY, retry=-1)
        await bench.until_settled(60)
    for key in range(6):
        of_key = [int(id) for id in seen if int(id) % 6 == key]
        assert of_key == sorted(of_key)
    assert bench.outcomes() == {"delivered": 60}
