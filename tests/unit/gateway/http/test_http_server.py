import asyncio

import pytest

from gateway.http.request import Request
from gateway.http.server import Server
from tests.support.waiting import until
from tests.unit.gateway.http.peers import (
    GET,
    HOST,
    LAST,
    POST,
    Echo,
    caller,
    exchange,
    front_door,
    leave_open,
    read_answer,
    status,
)


async def test_a_request_is_served_whole_and_answered() -> None:
    app = Echo()
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(b"POST /a%20b/c?q=1&r HTTP/1.1\r\nHost: Test:80\r\nX-A: 1\r\nx-a:  2 \r\n")
        writer.write(b"Content-Length: 5\r\n\r\nhello")
        head, body = await read_answer(reader)
        assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
        assert b"\r\nx-path: /a%20b/c\r\n" in head
        assert body == b"hello"
    request = app.served[0]
    assert (request.method, request.path, request.query) == ("POST", "/a%20b/c", "q=1&r")
    assert (request.target, request.host) == (b"/a%20b/c?q=1&r", "Test:80")
    assert (request.version, request.peer) == ("1.1", HOST)
    assert request.header(b"x-a") == b"1, 2"
    assert request.header(b"x-b") is None


async def test_one_connection_serves_request_after_request() -> None:
    async with front_door(Echo()) as server, caller(server) as (reader, writer):
        for _ in range(3):
            writer.write(POST)
            assert (await read_answer(reader))[1] == b"hello"
        assert server.open_connections == 1


async def test_pipelined_requests_are_answered_one_at_a_time_in_order() -> None:
    app = Echo(leave_open)
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(b"".join(POST.replace(b"/a", b"/%d" % number) for number in range(50)))
        for number in range(50):
            await until(lambda number=number: len(app.served) > number, 5, every=0.001)
            assert len(app.served) == number + 1
            app.served[-1].respond(200, (), app.served[-1].path.encode())
            assert (await read_answer(reader))[1] == b"/%d" % number


async def test_reading_stops_while_pipelined_requests_wait() -> None:
    app = Echo(leave_open)
    async with front_door(app) as server, caller(server) as (reader, writer):
        big = POST.replace(b"5", b"50000")[:-5] + bytes(50_000)
        writer.write(big * 200)
        await until(lambda: app.served, 5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await writer.drain()
        for number in range(200):
            await until(lambda number=number: len(app.served) > number, 5, every=0.001)
            app.served[-1].respond(204)
        for _ in range(200):
            assert status((await read_answer(reader))[0]) == 204


async def test_pipelined_requests_wait_until_the_caller_reads() -> None:
    large = 20_000_000
    app = Echo(lambda request: request.respond(200, (), bytes(large)))
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(GET + GET)
        await until(lambda: app.served, 5)
        assert len(app.served) == 1
        for _ in range(2):
            assert len((await read_answer(reader))[1]) == large
        assert len(app.served) == 2


async def test_an_absolute_target_names_the_host() -> None:
    app = Echo()
    async with front_door(app) as server:
        await exchange(server, LAST.replace(b"/last", b"http://shop:80/x?y"))
        assert (app.served[0].host, app.served[0].path, app.served[0].query) == (
            "shop:80",
            "/x",
            "y",
        )


async def test_chunked_bodies_arrive_whole() -> None:
    head = LAST.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    app = Echo()
    async with front_door(app) as server:
        await exchange(server, head, b"3;x=y\r\nabc\r\n", b"2\r\nde\r\n0\r\nTrailer: x\r\n\r\n")
        assert app.served[0].body == b"abcde"
        assert app.served[0].header(b"trailer") is None


@pytest.mark.parametrize("line", [b"HTTP/1.0\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n"])
async def test_http_1_0_is_served_and_kept_alive_when_asked(line: bytes) -> None:
    async with front_door(Echo()) as server, caller(server) as (reader, writer):
        writer.write(b"GET / " + line + b"\r\n")
        head, _ = await read_answer(reader)
        if b"keep" in line:
            assert b"connection: keep-alive" in head
            writer.write(b"GET / " + line + b"\r\n")
            await read_answer(reader)
        else:
            assert b"connection: close" in head
            assert await reader.read() == b""


async def test_head_is_answered_without_a_body() -> None:
    async with front_door(Echo(lambda request: request.respond(200, (), b"12345"))) as server:
        answer = await exchange(server, LAST.replace(b"GET", b"HEAD"))
        assert b"content-length: 5" in answer
        assert answer.endswith(b"\r\n\r\n")


async def test_framing_and_hop_by_hop_headers_of_the_application_are_not_sent() -> None:
    headers = [(b"content-length", b"99"), (b"connection", b"x-y"), (b"x-y", b"1"), (b"date", b"d")]
    async with front_door(Echo(lambda request: request.respond(200, headers, b"ok"))) as server:
        answer = await exchange(server, LAST)
        assert b"99" not in answer
        assert b"x-y" not in answer
        assert answer.count(b"date:") == 1


async def test_an_answer_is_given_once() -> None:
    outcome = []

    def twice(request: Request) -> None:
        request.respond(200)
        request.respond(500)
        request.start(500, ())
        outcome.append(request.gone)

    async with front_door(Echo(twice)) as server:
        assert (await exchange(server, LAST)).count(b"HTTP/1.1") == 1
        assert outcome == [True]


async def test_draining_finishes_what_is_pending_and_closes_what_is_idle() -> None:
    app = Echo(leave_open)
    async with (
        front_door(app) as server,
        caller(server) as (idle, _),
        caller(server) as (reader, writer),
    ):
        writer.write(GET)
        await until(lambda: app.served and server.open_connections == 2, 5)
        port = server.port
        drain = asyncio.create_task(server.drain(), name="drain")
        assert await idle.read() == b""
        with pytest.raises(OSError):
            await asyncio.open_connection(HOST, port)
        assert not drain.done()
        app.served[0].respond(200, (), b"done")
        head, body = await read_answer(reader)
        assert b"connection: close" in head
        assert body == b"done"
        async with asyncio.timeout(5):
            await drain


async def test_closing_cuts_off_who_is_left() -> None:
    app = Echo(leave_open)
    gone = asyncio.Event()
    async with front_door(app) as server, caller(server) as (_, writer):
        writer.write(GET)
        await until(lambda: app.served, 5)
        app.served[0].on_gone = gone.set
        await server.close()
        await server.close()
        assert gone.is_set()


async def test_servers_share_a_port_only_when_they_say_so() -> None:
    first, second = Server(Echo()), Server(Echo())
    await first.start(HOST, 0, reuse_port=True)
    await second.start(HOST, first.port, reuse_port=True)
    with pytest.raises(OSError):
        await Server(Echo()).start(HOST, first.port)
    await first.close()
    await second.close()
