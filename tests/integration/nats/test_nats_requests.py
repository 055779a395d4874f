"""Requests over core NATS to a real function server and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from nats.aio.client import Client
from nats.aio.msg import Msg

from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.http.endpoints import Endpoints
from gateway.sinks.function import FunctionSink
from gateway.sources.nats import NatsSource
from tests.fakes.function_server import Behaviour, FunctionServer, function_server, say_ok
from tests.integration.nats.bench import Bench, core
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, OnExhausted, Subscription


@asynccontextmanager
async def answering(
    bench: Bench, behaviour: Behaviour = say_ok, *, ready: bool = True, **policy: object
) -> AsyncIterator[FunctionServer]:
    """A function behind a trigger of core NATS, as the gateway runs it."""
    given = {"retry": 0, "backoff_delay": 0.01, "on_exhausted": OnExhausted.DROP, **policy}
    subscription = Subscription(
        "default", "NATSTrigger", "orders", "hello", core(), policy=DeliveryPolicy(**given)
    )
    endpoints = Endpoints()
    context = replace(bench.context(), endpoints=endpoints)
    async with function_server(behaviour) as server:
        endpoints.set(("default", "hello"), [server.address] if ready else [])
        sink, progress = FunctionSink(subscription, context), Progress()
        route = Route(NatsSource(subscription, context), sink)
        dispatcher = Dispatcher(subscription, route, progress, Limits())
        task = asyncio.create_task(dispatcher.run())
        await until(lambda: progress.last_polled, 10)
        yield server
        dispatcher.stop()
        async with asyncio.timeout(15):
            await task
        await sink.close()
        assert progress.books.drift == 0


async def ask(client: Client) -> Msg:
    return await client.request("orders", b"?", timeout=10)


def saying(status: int, text: str) -> Behaviour:
    async def behave(_: web.Request, __: bytes) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers={"X-Cost": "3"})

    return behave


async def test_the_answer_of_the_function_is_the_reply(bench: Bench, client: Client) -> None:
    async with answering(bench, saying(201, "made")) as function:
        reply = await ask(client)
    assert reply.data == b"made"
    assert reply.headers["Function-Status"] == "201"
    assert reply.headers["x-cost"] == "3"
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert "Nats-Service-Error" not in reply.headers
    assert function.seen[0].body == b"?"


async def test_what_the_function_says_of_a_failure_is_told(bench: Bench, client: Client) -> None:
    async with answering(bench, saying(422, "no such order")):
        reply = await ask(client)
    assert reply.data == b"no such order"
    assert reply.headers["Nats-Service-Error-Code"] == "422"


async def test_who_asks_is_told_after_the_last_attempt(bench: Bench, client: Client) -> None:
    async with answering(bench, saying(500, "broken"), retry=2) as function:
        reply = await ask(client)
    assert len(function.seen) == 3
    assert (reply.data, reply.headers["Nats-Service-Error-Code"]) == (b"broken", "500")


async def test_an_answer_that_does_not_come_is_a_504(bench: Bench, client: Client) -> None:
    tries = 0
    hang = asyncio.Event()

    async def answer_once(_: web.Request, __: bytes) -> web.StreamResponse:
        nonlocal tries
        tries += 1
        if tries > 1:
            await hang.wait()
        return web.Response(status=500, text="of the first attempt")

    async with answering(bench, answer_once, retry=1, timeout=0.3):
        reply = await ask(client)
        hang.set()
    assert reply.data == b""
    assert reply.headers["Nats-Service-Error-Code"] == "504"


async def test_a_message_that_asks_for_nothing_is_answered_with_nothing(
    bench: Bench, client: Client
) -> None:
    heard: list[str] = []

    async def note(message: Msg) -> None:
        heard.append(message.subject)

    await client.subscribe(">", cb=note)
    async with answering(bench, saying(500, "broken")) as function:
        await client.publish("orders", b"x")
        await function.until(1)
    await client.publish("last", b"")
    await until(lambda: "last" in heard, 10)
    assert heard == ["orders", "last"]


@pytest.mark.regression("nats-py: headers are not counted, and the server hangs up on everybody")
@pytest.mark.parametrize("spare", [0, 50])
async def test_an_answer_beyond_what_the_server_takes_is_said(
    bench: Bench, client: Client, spare: int
) -> None:
    async with answering(bench, saying(200, "x" * (client.max_payload - spare))):
        reply = await ask(client)
        again = await ask(client)
    assert (reply.data, again.data) == (b"", b"")
    assert "max_payload" in reply.headers["Nats-Service-Error"]


async def test_an_answer_just_as_large_as_the_server_takes_gets_there(
    bench: Bench, client: Client
) -> None:
    async with answering(bench, saying(200, "x" * (client.max_payload - 500))):
        reply = await ask(client)
    assert len(reply.data) == client.max_payload - 500


async def test_a_reply_that_goes_nowhere_holds_up_no_other(bench: Bench, client: Client) -> None:
    async with answering(bench, saying(200, "made")):
        nowhere = "no\N{NO-BREAK SPACE}where"
        await client._send_publish("orders", nowhere, b"?", 1, None)
        assert (await ask(client)).data == b"made"


async def test_who_asks_does_not_wait_for_a_function_without_end(
    bench: Bench, client: Client
) -> None:
    async with answering(bench, ready=False, retry=1) as function:
        reply = await ask(client)
    assert reply.headers["Nats-Service-Error-Code"] == "503"
    assert not function.seen
