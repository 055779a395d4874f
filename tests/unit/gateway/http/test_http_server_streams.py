import asyncio
import contextlib

import pytest

from gateway.http.client import Pool
from gateway.http.headers import encode_request
from gateway.http.request import Request
from tests.support.waiting import until
from tests.unit.gateway.http.peers import (
    GET,
    LAST,
    POST,
    Echo,
    answering,
    caller,
    exchange,
    front_door,
    leave_open,
    now,
    pool_of,
    read_answer,
    read_request,
    status,
)


def streamed(*chunks: bytes, length: bytes | None = None):
    def serve(request: Request) -> None:
        request.start(200, [(b"content-length", length)] if length else ())
        for chunk in chunks:
            request.write(chunk)
        request.end()

    return serve


async def test_an_answer_of_unknown_length_is_chunked() -> None:
    async with front_door(Echo(streamed(b"abc", b"", b"de"))) as server:
        answer = await exchange(server, LAST)
        assert b"transfer-encoding: chunked" in answer
        assert answer.endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")


async def test_http_1_0_gets_an_answer_of_unknown_length_until_the_end() -> None:
    async with front_door(Echo(streamed(b"abc", b"de"))) as server:
        answer = await exchange(server, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert b"chunked" not in answer
        assert b"connection: close" in answer
        assert answer.endswith(b"\r\n\r\nabcde")


async def test_a_known_length_is_the_framing() -> None:
    async with front_door(Echo(streamed(b"abc", b"de", length=b"5"))) as server:
        answer = await exchange(server, LAST)
        assert b"chunked" not in answer
        assert b"content-length: 5" in answer
        assert answer.endswith(b"\r\n\r\nabcde")


async def test_an_answer_that_stays_short_is_cut_off_not_completed() -> None:
    async with (
        front_door(Echo(streamed(b"abc", length=b"5"))) as server,
        caller(server) as (reader, writer),
    ):
        writer.write(GET)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await read_answer(reader)


async def test_a_streamed_answer_to_head_has_no_body_and_no_chunks() -> None:
    async with front_door(Echo(streamed(b"abc"))) as server:
        answer = await exchange(server, LAST.replace(b"GET", b"HEAD"))
        assert b"abc" not in answer
        assert answer.endswith(b"\r\n\r\n")


async def test_a_caller_that_goes_away_is_noticed_while_the_answer_is_pending() -> None:
    app = Echo(leave_open)
    gone = asyncio.Event()
    async with front_door(app) as server:
        async with caller(server) as (_, writer):
            writer.write(GET)
            await until(lambda: app.served, 5)
            app.served[0].on_gone = gone.set
        async with asyncio.timeout(5):
            await gone.wait()
        assert app.served[0].gone
        app.served[0].respond(200)
        await until(lambda: server.open_connections == 0, 5)


async def test_congestion_is_told_and_its_end_too() -> None:
    told = []
    app = Echo(leave_open)
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(LAST)
        await until(lambda: app.served, 5)
        request = app.served[0]
        request.on_congested = lambda: told.append("congested")
        request.on_drained = lambda: told.append("drained")
        request.start(200, ())
        request.write(bytes(20_000_000))
        assert told == ["congested"]
        reading = asyncio.create_task(reader.read(), name="reading")
        await until(lambda: told[-1] == "drained", 5)
        request.end()
        assert len(await reading) > 20_000_000


async def test_an_abort_cuts_the_caller_off() -> None:
    def half(request: Request) -> None:
        request.start(200, ())
        request.write(b"half")
        request.abort()

    async with front_door(Echo(half)) as server, caller(server) as (reader, writer):
        writer.write(GET)
        with contextlib.suppress(ConnectionError):
            assert not (await reader.read()).endswith(b"0\r\n\r\n")
        await until(lambda: server.open_connections == 0, 5)


class Proxy(Echo):
    def __init__(self, pool: Pool) -> None:
        super().__init__(self.forward)
        self.pool = pool
        self.tasks: list[asyncio.Task[None]] = []

    def forward(self, request: Request) -> None:
        self.tasks.append(asyncio.create_task(self._forward(request), name="forward"))

    async def _forward(self, request: Request) -> None:
        head = encode_request(
            b"POST",
            request.target,
            [(b"host", b"f"), (b"content-length", b"%d" % len(request.body))],
        )
        await self.pool.request(head, request.body, now() + 5, request)


async def test_a_functions_answer_streams_through() -> None:
    answer = (
        b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\nX-A: b\r\nConnection: x-hop\r\n"
        b"X-Hop: 1\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"
    )
    async with (
        pool_of(answering(answer, answer)) as (pool, _),
        front_door(Proxy(pool)) as server,
        caller(server) as (reader, writer),
    ):
        for _ in range(2):
            writer.write(POST)
            received = await reader.readuntil(b"0\r\n\r\n")
            assert status(received) == 201
            assert b"x-a: b" in received
            assert b"x-hop" not in received
            assert received.endswith(b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n")


async def test_a_caller_that_goes_away_ends_the_call_to_the_function() -> None:
    closed = asyncio.Event()

    async def script(reader, writer, _):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        closed.set()

    async with pool_of(script) as (pool, _):
        proxy = Proxy(pool)
        async with front_door(proxy) as server:
            async with caller(server) as (reader, writer):
                writer.write(POST)
                await reader.readuntil(b"half")
            async with asyncio.timeout(5):
                await closed.wait()
                await asyncio.wait(proxy.tasks)
            assert "went away" in str(proxy.tasks[0].exception())


async def test_a_slow_caller_slows_the_function_down_and_gets_everything() -> None:
    size = 30_000_000
    sent = 0

    async def script(reader, writer, _):
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(100_000))
            sent += 100_000
            await writer.drain()
        await reader.read()

    async with pool_of(script) as (pool, _):
        proxy = Proxy(pool)
        async with front_door(proxy) as server, caller(server) as (reader, writer):
            writer.write(LAST)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await asyncio.wait([await first_task(proxy)])
            assert sent < size
            received = await reader.read()
            assert received.endswith(bytes(1000))
            assert len(received) > size
            await proxy.tasks[0]


async def first_task(proxy: Proxy) -> asyncio.Task[None]:
    await until(lambda: proxy.tasks, 5)
    return proxy.tasks[0]
