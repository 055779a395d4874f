"""What a dead letter looks like to the server that takes it, and what its answers mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from gateway.core.delivery import Delivery
from gateway.errors import EventRejected, SinkUnavailable
from gateway.http.retry_after import seconds_from
from gateway.sinks.http import HttpSink
from tests.fakes.function_server import FunctionServer, function_server
from tests.support.events import event, subscription
from tests.unit.gateway.sinks.test_file_sink import context
from tidegate.api.subscription import DeadLetter


@pytest.fixture
async def server() -> AsyncIterator[FunctionServer]:
    async with function_server() as one:
        yield one


def sink(server: FunctionServer, path: str = "/letters?key=secret") -> HttpSink:
    host, port = server.address
    target = DeadLetter("http", f"http://{host}:{port}{path}")
    return HttpSink(subscription(dead_letter=target), context(None))


async def send(one: HttpSink, **attributes: Any) -> None:
    """Send one event and close the sink."""
    delivery = Delivery(event("7", **attributes), lambda _: None)
    try:
        await one.send(delivery, asyncio.get_running_loop().time() + 5)
    finally:
        await one.close()


async def test_it_is_a_binary_cloudevent_with_the_very_bytes(server: FunctionServer) -> None:
    data = b'{ "a":\n1.0 }\xff'
    extensions = {"tidegatereason": "rejected", "knativeerrordata": 'says "no" – 100%'}
    await send(
        sink(server), data=data, datacontenttype="application/json", subject="orders.new",
        time="2026-03-02T12:00:00Z", extensions=extensions,
    )  # fmt: skip
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/letters?key=secret", data)
    found = {name: text for name, text in seen.headers.items() if name.startswith("ce-")}
    assert found == {
        "ce-specversion": "1.0",
        "ce-id": "7",
        "ce-source": "/tests",
        "ce-type": "test",
        "ce-subject": "orders.new",
        "ce-time": "2026-03-02T12:00:00Z",
        "ce-tidegatereason": "rejected",
        "ce-knativeerrordata": "says%20%22no%22%20%E2%80%93%20100%25",
    }
    assert seen.headers["content-type"] == "application/json"


async def test_an_event_without_data_is_a_post_without_a_body(server: FunctionServer) -> None:
    await send(sink(server))
    assert server.seen[0].body == b""


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 410, 413])
async def test_these_answers_refuse_the_event(server: FunctionServer, status: int) -> None:
    async def answer(*_: Any) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    server.behaviour = answer
    with pytest.raises(EventRejected) as caught:
        await send(sink(server))
    assert caught.value.status == status
    assert len(server.seen) == 1, "a redirect is not followed"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_these_answers_ask_for_another_attempt(server: FunctionServer, status: int) -> None:
    async def answer(*_: Any) -> web.Response:
        return web.Response(status=status, headers={"Retry-After": "3"})

    server.behaviour = answer
    with pytest.raises(SinkUnavailable) as caught:
        await send(sink(server))
    assert (caught.value.status, caught.value.retry_after) == (status, 3)


async def test_a_server_that_is_not_there_is_away_and_its_url_is_not_told() -> None:
    async with function_server() as gone:
        one = sink(gone)
    with pytest.raises(SinkUnavailable, match="connecting") as caught:
        await send(one)
    assert "secret" not in str(caught.value)


async def test_a_header_that_would_break_out_is_refused(server: FunctionServer) -> None:
    with pytest.raises(EventRejected, match="control characters"):
        await send(sink(server), datacontenttype="text/plain\r\nx: y")
    assert not server.seen


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7), (None, None), ("soon", None), ("²", None), ("", None)]
)
def test_a_time_that_makes_no_sense_is_none(text: str | None, seconds: float | None) -> None:
    assert seconds_from(text) == seconds


def test_a_date_is_a_time_too() -> None:
    assert seconds_from("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert (seconds_from("Wed, 21 Oct 2099 07:28:00 GMT") or 0) > 1e6
