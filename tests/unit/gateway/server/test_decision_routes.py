"""What a gateway tells of the events that went through it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.core.witness import MOST_FEEDS
from gateway.server.operations import Operations
from tests.fakes.function_server import FunctionServer, function_server
from tests.support.gateways import Running, running_gateway
from tests.support.http_servers import serving
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, HttpRoute, Subscription

ORDERS = Subscription(
    "default",
    "HTTPTrigger",
    "orders",
    "hello",
    HttpRoute("", "/orders"),
    policy=DeliveryPolicy(retry=1, backoff_delay=0.01, jitter=0.0, timeout=20.0),
    filters=({"exact": {"tenant": "blue"}},),
)
OTHERS = replace(ORDERS, trigger="others", source=HttpRoute("", "/others"), filters=())


class Asked:
    """A gateway, and what it is asked."""

    def __init__(self, running: Running, function: FunctionServer, url: str) -> None:
        self.running = running
        self.function = function
        self.url = url

    async def call(self, id: str, path: str = "orders", **attributes: str) -> int:
        """Send one event; return the status that its caller is told."""
        headers = {"ce-specversion": "1.0", "ce-id": id, "ce-source": "/t", "ce-type": "t"}
        headers |= {f"ce-{name}": text for name, text in attributes.items()}
        url = f"{self.running.url}/{path}"
        async with self.running.client.post(url, data=b"body", headers=headers) as answer:
            return answer.status

    async def decisions(self, **query: str) -> dict[str, Any]:
        """Return the answer to a question."""
        async with self.running.client.get(f"{self.url}/decisions", params=query) as answer:
            assert answer.status == 200
            found: dict[str, Any] = await answer.json()
            return found

    @asynccontextmanager
    async def tail(self, **query: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Look on for the length of the block."""
        async with self.running.client.get(f"{self.url}/decisions/tail", params=query) as answer:
            yield answer


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    async with (
        function_server() as function,
        running_gateway((ORDERS, OTHERS), {"hello": [function.address]}) as running,
    ):
        application = web.Application()
        Operations(lambda: running.gateway).extend(application)
        async with serving(application) as url:
            yield Asked(running, function, f"{url}/operations")


async def next_row(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(20):
        row: dict[str, Any] = json.loads(await answer.content.readline())
        return row


async def test_an_event_that_was_delivered_says_so(asked: Asked) -> None:
    assert await asked.call("1", tenant="blue") == 200
    (row,) = (await asked.decisions(event="1"))["decisions"]
    assert (row["outcome"], row["status"], row["trigger"]) == ("delivered", 200, "orders")
    assert row["filter"]["matched"] is True


async def test_an_event_that_was_filtered_says_by_which_clause(asked: Asked) -> None:
    assert await asked.call("2", tenant="red") == 204
    (row,) = (await asked.decisions(event="2"))["decisions"]
    (clause,) = row["filter"]["because"]
    assert (row["outcome"], clause["wanted"], clause["had"]) == ("filtered", "blue", "red")


async def test_an_event_that_failed_says_how_each_attempt_went(asked: Asked) -> None:
    async def fail(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=503 if len(asked.function.seen) == 1 else 500)

    asked.function.behaviour = fail
    await asked.call("3", tenant="blue")
    (row,) = (await asked.decisions(event="3"))["decisions"]
    tries = [(step["what"], step["status"]) for step in row["steps"]]
    assert tries[:2] == [("attempt", 503), ("wait", None)]
    assert "503" in row["steps"][0]["error"]


async def test_an_event_in_flight_is_told_too(asked: Asked) -> None:
    release = asyncio.Event()

    async def hang(request: web.Request, body: bytes) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    asked.function.behaviour = hang
    calling = asyncio.create_task(asked.call("4", tenant="blue"))
    await asked.function.until(1)
    (row,) = (await asked.decisions(event="4"))["decisions"]
    assert (row["outcome"], row["state"], row["settledAt"]) == (None, "attempting", None)
    release.set()
    assert await calling == 200


async def test_only_what_was_asked_for_is_told(asked: Asked) -> None:
    await asked.call("5", tenant="blue")
    await asked.call("6", "others")
    found = await asked.decisions(namespace="default", trigger="others")
    assert [row["event"]["id"] for row in found["decisions"]] == ["6"]
    assert [row["trigger"] for row in found["subscriptions"]] == ["others"]
    assert (await asked.decisions(namespace="elsewhere"))["decisions"] == []
    assert len((await asked.decisions(limit="1"))["decisions"]) == 1


async def test_payloads_and_credentials_are_not_told(asked: Asked) -> None:
    await asked.call("7", tenant="blue", authtoken="s3cret")
    assert "s3cret" not in str(await asked.decisions())
    assert "body" not in str(await asked.decisions())


async def test_who_looks_on_sees_what_comes(asked: Asked) -> None:
    await asked.call("before", "others")
    async with asked.tail(trigger="others") as answer:
        await asked.call("8", "others")
        row = await next_row(answer)
    assert row["event"]["id"] == "8"
    assert "data" not in row


async def test_a_payload_is_shown_to_who_asks_for_it(asked: Asked) -> None:
    async with asked.tail(payload="1") as answer:
        await asked.call("9", "others")
        assert (await next_row(answer))["data"] == "body"


async def test_who_leaves_is_forgotten(asked: Asked) -> None:
    decisions = asked.running.progress("others").decisions
    async with asked.tail(trigger="others") as answer:
        assert answer.status == 200
        assert len(decisions.followers) == 1
    await until(lambda: not decisions.followers, timeout=30)


async def test_no_more_look_on_than_there_is_room_for(asked: Asked) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MOST_FEEDS):
            answer = await stack.enter_async_context(asked.tail())
            assert answer.status == 200
        async with asked.tail() as answer:
            assert answer.status == 503
            assert "look on already" in await answer.text()


async def test_who_looks_on_does_not_hold_up_the_end_of_the_server(asked: Asked) -> None:
    application = web.Application()
    Operations(lambda: asked.running.gateway).extend(application)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=300.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/operations/decisions/tail"
    async with asked.running.client.get(url) as answer:
        assert answer.status == 200
        async with asyncio.timeout(20):
            await runner.cleanup()
