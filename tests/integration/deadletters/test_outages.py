"""A function that is away pauses its source, whichever broker that is, and costs no event."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.function_server import FunctionServer, function_server, say_ok
from tests.integration.deadletters.brokers import BROKERS, Broker, broker_of
from tests.support.gateways import Running, running_gateway
from tests.support.waiting import until

PATIENCE = 40.0
FIRST, SECOND = range(10), range(10, 40)
CONCURRENCY = 8


@pytest.fixture(params=BROKERS)
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    async with broker_of(request.param, tmp_path) as one:
        yield one


def answers_503(running: Running, function: FunctionServer) -> None:
    async def refuse(_: web.Request, __: bytes) -> web.Response:
        return web.Response(status=503)

    function.behaviour = refuse


def hangs(running: Running, function: FunctionServer) -> None:
    async def hang(_: web.Request, __: bytes) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    function.behaviour = hang


def refuses_connections(running: Running, _: FunctionServer) -> None:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        address = one.getsockname()
    running.gateway.endpoints.set(("default", "hello"), [address])


def has_no_endpoint(running: Running, _: FunctionServer) -> None:
    running.gateway.endpoints.set(("default", "hello"), [])


def attempts(running: Running) -> int:
    """Return how many attempts have ended."""
    return sum(running.progress("orders").attempts.values())


def ended(running: Running) -> dict[str, int]:
    """Return what became of the orders; what was handed back for a while came again."""
    outcomes = running.outcomes("orders")
    return {kind: count for kind, count in outcomes.items() if kind != "released"}


async def quiet(running: Running) -> None:
    """Wait until what was under way is over: calls, and a poll, which takes a quarter second."""
    before = -1
    while before != attempts(running):
        before = attempts(running)
        await asyncio.sleep(0.6)


async def probed(running: Running) -> None:
    """Wait until one more attempt was made."""
    before = attempts(running)
    await until(lambda: attempts(running) > before, PATIENCE)


OUTAGES = [
    pytest.param(answers_503, id="answers 503", marks=pytest.mark.slow),
    pytest.param(hangs, id="hangs", marks=pytest.mark.slow),
    pytest.param(refuses_connections, id="refuses connections", marks=pytest.mark.slow),
    pytest.param(has_no_endpoint, id="has no endpoint", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("goes", OUTAGES)
async def test_an_outage_pauses_the_source_and_costs_no_event_a_retry(
    broker: Broker, goes: Callable[[Running, FunctionServer], None]
) -> None:
    # No event comes to its second try before so many have come to their first.
    waits = {"backoff_delay": 3.0, "backoff_max": 3.0}
    one = broker.subscription(retry=1, timeout=1.0, concurrency=CONCURRENCY, **waits)
    async with (
        function_server() as function,
        running_gateway(
            [one], {"hello": [function.address]}, broker.settings, broker.secrets
        ) as running,
    ):
        progress = running.progress("orders")
        goes(running, function)
        await broker.publish(FIRST)
        await until(lambda: progress.breaker != "closed", PATIENCE)
        await until(lambda: progress.books.received >= len(FIRST), PATIENCE)
        await quiet(running)
        await broker.publish(SECOND)
        await probed(running)
        if broker.pauses_at_once:
            assert progress.books.received == len(FIRST), "the source is paused"
        assert progress.breaker != "closed"
        assert attempts(running) <= 3 * CONCURRENCY, "one event probes"
        function.behaviour = say_ok
        running.gateway.endpoints.set(("default", "hello"), [function.address])
        total = len(FIRST) + len(SECOND)
        await until(lambda: ended(running) == {"delivered": total}, PATIENCE)
    assert not (broker.folder / "dead.jsonl").exists()
