"""What callers and scrapes see while the gateway starts, changes and stops."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from dataclasses import replace

import pytest
from aiohttp import web

from gateway.app import Gateway
from gateway.core.delivery import Outcome
from gateway.core.progress import Progress
from gateway.errors import ConfigError
from gateway.settings import AdminSettings, HttpSettings, Settings
from gateway.stores.memory import MemoryLedger
from tests.fakes.function_server import function_server
from tests.support.events import subscription
from tests.support.gateways import DictSecrets, running_gateway
from tests.support.waiting import until
from tidegate.api.subscription import HttpRoute, Subscription


def route(name: str = "web", *, path: str = "/", timeout: float = 5.0) -> Subscription:
    plain = subscription(name, retry=0, concurrency=64, timeout=timeout)
    return replace(plain, source=HttpRoute(path=path))


HALF = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab"


async def test_a_body_that_ends_after_its_trigger_went_is_answered_503() -> None:
    async with function_server() as function, running_gateway([route()]) as gate:
        gate.gateway.endpoints.set(("default", "hello"), [function.address])
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.gateway.port)
        writer.write(HALF)
        async with gate.client.post(gate.url) as answer:
            assert answer.status == 200
        await gate.apply(route(path="/elsewhere"))
        writer.write(b"cd")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 503 ")
        assert b"retry-after: 1\r\n" in head
        assert gate.progress("web").books.drift == 0
        writer.close()
        await writer.wait_closed()


async def test_who_keeps_a_connection_is_sent_elsewhere_before_the_stop() -> None:
    async with (
        function_server() as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        for withheld in (False, True, False):
            gate.gateway.withheld = withheld
            async with gate.client.post(gate.url) as answer:
                assert answer.status == 200
                assert (answer.headers.get("Connection") == "close") is withheld


async def test_a_stop_lets_a_slow_caller_have_the_whole_answer() -> None:
    size = 8 * 1024 * 1024

    async def much(_: web.Request, __: bytes) -> web.Response:
        return web.Response(body=bytes(size))

    async with function_server(much) as function, running_gateway([route()]) as gate:
        gate.gateway.endpoints.set(("default", "hello"), [function.address])
        async with gate.client.get(gate.url) as answer:
            first = await answer.content.readany()
            gate.gateway.stop()
            await asyncio.sleep(0.2)  # the caller is slow
            rest = await answer.content.read()
        assert len(first) + len(rest) == size


async def test_a_gateway_that_cannot_have_its_admin_port_lets_go_of_the_other() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = Settings(
            http=HttpSettings(port=port), admin=AdminSettings(port=taken.getsockname()[1])
        )
        gateway = Gateway(settings, DictSecrets(), MemoryLedger())
        with pytest.raises(ConfigError, match="the admin server cannot listen"):
            await gateway.start()
        socket.create_server(("127.0.0.1", port)).close()


def test_a_snapshot_does_not_move_with_what_it_was_taken_of() -> None:
    progress = Progress()
    progress.books.received = 3
    progress.books.holding = lambda: 3 - progress.books.outcomes[Outcome.DELIVERED]
    taken = progress.snapshot()
    progress.books.received += 1
    progress.books.outcomes[Outcome.DELIVERED] += 1
    progress.attempts["success"] += 1
    progress.durations.observe(0.1)
    assert (taken.books.received, taken.books.in_flight, taken.books.drift) == (3, 3, 0)
    assert (taken.attempts["success"], sum(taken.durations.counts)) == (0, 0)


async def test_the_books_balance_in_every_scrape_under_load() -> None:
    async with function_server() as function, running_gateway([route()]) as gate:
        gate.gateway.endpoints.set(("default", "hello"), [function.address])
        async with asyncio.TaskGroup() as group:
            for _ in range(200):
                group.create_task(_call(gate.client, gate.url))
            for _ in range(20):
                async with gate.client.get(f"{gate.admin}/metrics") as answer:
                    text = await answer.text()
                (line,) = (
                    one for one in text.splitlines() if one.startswith("tidegate_accounting")
                )
                assert line.endswith(" 0.0")
        await until(lambda: gate.progress("web").books.outcomes[Outcome.DELIVERED] == 200)


async def _call(client: object, url: str) -> None:
    async with client.post(url) as answer:  # type: ignore[attr-defined]
        await answer.read()
