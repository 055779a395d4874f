"""Dead letters are tried again by the policy of now, and leave their place only once taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from gateway.core.dead_letter import Letter
from gateway.dead_letters import Purged
from gateway.errors import SinkUnavailable
from gateway.letters.selection import Selection
from gateway.redrive import Result
from tests.fakes.function_server import FunctionServer, function_server, say_ok
from tests.integration.deadletters.bench import POISON, Place, place, refuse_poison, until
from tests.support.gateways import Running
from tidegate.api.subscription import Batch, DeadLetter

EVERY = Selection()
FAST = 1000.0


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path) as one:
        await one.client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
        yield one


@pytest.fixture
async def function() -> AsyncIterator[FunctionServer]:
    async with function_server(refuse_poison) as one:
        yield one


@pytest.fixture(params=["file", "nats"])
async def running(
    request: pytest.FixtureRequest, shop: Place, function: FunctionServer
) -> AsyncIterator[Running]:
    """Run a gateway with three dead letters."""
    target = DeadLetter(request.param, {"file": "dead.jsonl", "nats": "dead.orders"}[request.param])
    async with shop.gateway(target, function) as one:
        await shop.publish(POISON, POISON, POISON)

        async def happened() -> bool:
            return one.outcomes("orders").get("deadLettered") == 3

        await until(happened)
        yield one


async def letters(running: Running, selection: Selection = EVERY) -> list[Letter]:
    """Return the letters that are there."""
    async with aclosing(running.gateway.dead_letters.letters(selection)) as found:
        return [letter async for _, letter in found]


async def redriven(running: Running, selection: Selection = EVERY) -> list[Result]:
    """Redrive, and return what was told."""
    results: list[Result] = []

    async def tell(result: Result) -> None:
        results.append(result)

    await running.gateway.dead_letters.redrive(selection, FAST, tell)
    return results


async def test_letters_are_listed_with_what_happened(running: Running) -> None:
    found = await letters(running)
    assert {letter.event.id for letter in found} == {"ORDERS:1", "ORDERS:2", "ORDERS:3"}
    assert {letter.reason for letter in found} == {"rejected"}
    assert {letter.event.data for letter in found} == {POISON}
    assert len(await letters(running, Selection(ids=frozenset({found[1].id})))) == 1
    assert await letters(running, Selection(trigger="another")) == []
    assert len(await letters(running, Selection(namespace="default", trigger="orders"))) == 3


async def test_a_mended_function_takes_them_and_they_are_gone(
    running: Running, function: FunctionServer
) -> None:
    function.behaviour = say_ok
    function.seen.clear()
    results = await redriven(running)
    assert [result.error for result in results] == [""] * 3
    assert await letters(running) == []
    assert [seen.body for seen in function.seen] == [POISON] * 3
    assert not any(
        "tidegate" in name
        for seen in function.seen
        for name in seen.headers
        if name.startswith("ce-")
    )
    assert running.outcomes("orders") == {"deadLettered": 3}, "its books are about its source"


async def test_what_fails_again_stays_as_it_is(running: Running) -> None:
    before = await letters(running)
    results = await redriven(running)
    assert all("it answered 422" in result.error for result in results)
    assert await letters(running) == before


async def test_only_those_that_are_meant_are_tried(
    running: Running, function: FunctionServer
) -> None:
    function.behaviour = say_ok
    first, one, last = await letters(running)
    results = await redriven(running, Selection(ids=frozenset({one.id, "unknown"})))
    assert results[0] == Result(one.id)
    assert (results[1].id, bool(results[1].error)) == ("unknown", True)
    assert await letters(running) == [first, last]


async def test_a_passing_failure_is_retried_by_the_policy(
    running: Running, function: FunctionServer
) -> None:
    seen: list[bytes] = []

    async def twice(_: web.Request, body: bytes) -> web.Response:
        seen.append(body)
        return web.Response(status=503 if len(seen) <= 4 else 200)

    function.behaviour = twice
    assert [result.error for result in await redriven(running)] == [""] * 3


async def test_a_function_that_takes_batches_gets_batches(
    running: Running, function: FunctionServer, shop: Place
) -> None:
    ((subscription, _),) = running.gateway.subscriptions()
    batch = Batch(max_events=3, max_bytes=65536, max_wait=1.0)
    await running.apply(replace(subscription, policy=replace(subscription.policy, batch=batch)))
    function.behaviour = say_ok
    await shop.publish(b"good")

    async def goes_on() -> bool:
        return running.outcomes("orders").get("delivered") == 1

    await until(goes_on)
    function.seen.clear()
    assert [result.error for result in await redriven(running)] == [""] * 3
    (seen,) = function.seen
    assert seen.headers["content-type"].startswith("application/cloudevents-batch+json")
    assert await letters(running) == []


async def test_a_function_that_is_not_there_ends_the_wait(running: Running) -> None:
    running.gateway.endpoints.set(("default", "hello"), [])
    results = await redriven(running)
    assert all("no process of it is ready" in result.error for result in results)
    assert len(await letters(running)) == 3


async def test_the_rate_is_kept(running: Running, function: FunctionServer) -> None:
    function.behaviour = say_ok

    async def tell(_: Result) -> None: ...

    started = time.monotonic()
    await running.gateway.dead_letters.redrive(EVERY, 10.0, tell)
    assert 0.2 <= time.monotonic() - started < 5


async def test_a_redrive_that_is_cut_off_loses_nothing(
    running: Running, function: FunctionServer
) -> None:
    async def hang(_: web.Request, __: bytes) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    function.seen.clear()
    function.behaviour = hang
    task = asyncio.create_task(redriven(running))
    await function.until(2)
    with pytest.raises(SinkUnavailable, match="a redrive is under way"):
        await redriven(running)
    task.cancel()
    await asyncio.wait([task])
    assert len(await letters(running)) == 3
    function.behaviour = say_ok
    assert all(not result.error for result in await redriven(running))


async def test_purged_letters_are_gone_for_good(running: Running) -> None:
    first = (await letters(running))[0]
    assert await running.gateway.dead_letters.purge(Selection(ids=frozenset({first.id}))) == Purged(
        1, ()
    )
    assert len(await letters(running)) == 2
    assert await running.gateway.dead_letters.purge(EVERY) == Purged(2, ())
    assert await letters(running) == []


async def test_what_somebody_else_has_removed_does_not_matter(running: Running) -> None:
    desk = running.gateway.dead_letters
    async with asyncio.TaskGroup() as group:
        purges = [group.create_task(desk.purge(EVERY)) for _ in range(2)]
    assert max(one.result().count for one in purges) == 3
    assert await letters(running) == []


async def test_a_stream_that_is_away_is_said(shop: Place, function: FunctionServer) -> None:
    async with shop.gateway(DeadLetter("nats", "dead.orders"), function) as running:
        shop.broker.kill()
        await shop.broker.ended()
        with pytest.raises(SinkUnavailable, match=r"NATS dead\.orders"):
            await letters(running)
