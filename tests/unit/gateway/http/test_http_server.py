import asyncio
import contextlib

import pytest

from gateway.http.client import Pool
from gateway.http.headers import encode_request
from gateway.http.request import Answer, Request
from gateway.http.server import Server, ServerSettings
from tests.support.waiting import until
from tests.unit.gateway.http.peers import (
    HOST,
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
)

GET = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


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


# What is refused.

REFUSED = {
    "no host": (GET.replace(b"Host: test\r\n", b""), 400),
    "two hosts": (GET.replace(b"Host", b"Host: a\r\nHost"), 400),
    "bad host": (GET.replace(b"test", b"a/b"), 400),
    "two lengths": (POST.replace(b"Content", b"Content-Length: 5\r\nContent"), 400),
    "length and chunks": (POST.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"), 400),
    "another coding": (GET.replace(b"Host", b"Transfer-Encoding: gzip, chunked\r\nHost"), 501),
    "chunks last not": (GET.replace(b"Host", b"Transfer-Encoding: chunked, gzip\r\nHost"), 400),
    "chunks in 1.0": (GET.replace(b"1.1\r\n", b"1.0\r\nTransfer-Encoding: chunked\r\n"), 400),
    "folded header": (GET.replace(b"test", b"test\r\n folded"), 400),
    "space before colon": (GET.replace(b"Host", b"A : b\r\nHost"), 400),
    "bare CR": (GET.replace(b"test", b"te\rst"), 400),
    "bare LF": (GET.replace(b"\r\nHost", b"\nHost"), 400),
    "NUL": (GET.replace(b"test", b"te\0st"), 400),
    "CR in a name": (GET.replace(b"Host", b"A\rB: c\r\nHost"), 400),
    "fragment": (GET.replace(b"/a", b"/a#b"), 400),
    "8-bit target": (GET.replace(b"/a", b"/\xc3\xa9"), 400),
    "unknown method": (GET.replace(b"GET", b"BREW"), 400),
    "CONNECT": (GET.replace(b"GET /a", b"CONNECT a:1"), 501),
    "TRACE": (GET.replace(b"GET", b"TRACE"), 501),
    "HTTP/2": (GET.replace(b"1.1", b"2.0"), 505),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    "strange expectation": (POST.replace(b"Host", b"Expect: tea\r\nHost"), 417),
    "huge header": (b"GET / HTTP/1.1\r\nA: " + b"x" * 40_000, 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    "endless empty lines": (b"\r\n" * 20_000, 431),
    "bad chunk": (GET.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost") + b"zz\r\n", 400),
}


@pytest.mark.parametrize(("sent", "expected"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_leaves_a_doubt_is_refused_and_the_connection_ends(
    sent: bytes, expected: int
) -> None:
    app = Echo()
    async with front_door(app) as server:
        answer = await exchange(server, sent)
        assert status(answer) == expected
        assert b"connection: close" in answer
        assert b"text/plain" in answer
        assert not app.served


async def test_a_malformed_request_does_not_take_the_answers_before_it() -> None:
    app = Echo(leave_open)
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(POST + b"nonsense\r\n\r\n")
        await until(lambda: app.served, 5)
        app.served[0].respond(200, (), b"first")
        assert (await read_answer(reader))[1] == b"first"
        assert status((await read_answer(reader))[0]) == 400
        assert await reader.read() == b""


async def test_bytes_after_the_last_request_are_ignored() -> None:
    async with front_door(Echo()) as server:
        answer = await exchange(server, LAST + GET)
        assert answer.count(b"HTTP/1.1 200") == 1


# Limits, and answers before the body.


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read() -> None:
    app = Echo()
    app.limit = 4
    async with front_door(app) as server:
        answer = await exchange(server, POST[:-5])
        assert status(answer) == 413
        assert b"4 bytes" in answer
        assert not app.served


async def test_chunks_beyond_the_limit_are_refused_as_they_come() -> None:
    app = Echo()
    app.limit = 4
    async with front_door(app) as server:
        head = GET.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost")
        assert status(await exchange(server, head + b"3\r\nabc\r\n", b"3\r\ndef\r\n")) == 413


async def test_a_refused_caller_that_is_still_sending_can_read_the_answer() -> None:
    app = Echo()
    app.limit = 4
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(POST.replace(b"5", b"900000")[:-5] + bytes(900_000))
        await writer.drain()
        head, _ = await read_answer(reader)
        assert status(head) == 413


async def test_an_answer_of_the_routing_lets_the_connection_go_on() -> None:
    app = Echo()
    app.limit = Answer(404, (), b"nothing here")
    async with front_door(app) as server, caller(server) as (reader, writer):
        for request in (GET, POST, GET):
            writer.write(request)
            head, body = await read_answer(reader)
            assert (status(head), body) == (404, b"nothing here")
            assert b"close" not in head
        assert not app.served


async def test_an_answer_of_the_routing_does_not_read_a_large_body() -> None:
    app = Echo()
    app.limit = Answer(405, ((b"allow", b"GET"),))
    async with front_door(app) as server:
        answer = await exchange(server, POST.replace(b"5", b"9000000"))
        assert status(answer) == 405
        assert b"allow: GET" in answer
        assert b"connection: close" in answer


async def test_all_bodies_together_are_bounded() -> None:
    app = Echo(leave_open)
    async with front_door(app, ServerSettings(max_bodies=8)) as server:
        async with caller(server) as (reader, writer):
            writer.write(POST)
            await until(lambda: app.served, 5)
            assert status(await exchange(server, POST)) == 503
            app.served[0].respond(200)
            await read_answer(reader)
        async with caller(server) as (reader, writer):
            writer.write(POST)
            await until(lambda: len(app.served) == 2, 5)


async def test_a_connection_too_many_is_told_so() -> None:
    async with (
        front_door(Echo(), ServerSettings(max_connections=1)) as server,
        caller(server) as (reader, writer),
    ):
        writer.write(GET)
        await read_answer(reader)
        assert status(await exchange(server, GET)) == 503
        writer.write(GET)
        assert status((await read_answer(reader))[0]) == 200


# Expect: 100-continue.

EXPECT = POST.replace(b"Host", b"Expect: 100-continue\r\nHost")


async def test_a_caller_that_asks_is_told_to_go_on() -> None:
    async with front_door(Echo()) as server, caller(server) as (reader, writer):
        writer.write(EXPECT[:-5])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert (await read_answer(reader))[1] == b"hello"


async def test_a_caller_that_does_not_wait_is_not_told() -> None:
    async with front_door(Echo()) as server, caller(server) as (reader, writer):
        writer.write(EXPECT)
        assert status((await read_answer(reader))[0]) == 200


async def test_a_caller_that_asks_is_refused_without_its_body() -> None:
    app = Echo()
    for verdict, expected in ((4, 413), (Answer(404), 404)):
        app.limit = verdict
        async with front_door(app) as server:
            assert status(await exchange(server, EXPECT[:-5])) == expected


async def test_the_word_to_go_on_waits_for_its_turn() -> None:
    app = Echo(leave_open)
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(GET + EXPECT[:-5])
        await until(lambda: app.served, 5)
        app.served[0].respond(200, (), b"first")
        assert (await read_answer(reader))[1] == b"first"
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        await until(lambda: len(app.served) == 2, 5)
        assert app.served[1].body == b"hello"


# A wish for another protocol is ignored.

UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\nHost"


async def test_a_wish_to_upgrade_is_ignored() -> None:
    app = Echo()
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(GET.replace(b"Host", UPGRADE) + GET)
        for _ in range(2):
            assert status((await read_answer(reader))[0]) == 200
        assert len(app.served) == 2


@pytest.mark.parametrize("chunked", [False, True])
async def test_the_body_of_a_request_that_wishes_to_upgrade_is_read(chunked: bool) -> None:
    sent = POST.replace(b"Host", UPGRADE)
    if chunked:
        sent = sent.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked")
        sent = sent.replace(b"hello", b"5\r\nhello\r\n0\r\n\r\n")
    app = Echo()
    async with front_door(app) as server:
        answer = await exchange(server, sent[:-3], sent[-3:] + GET)
        assert answer.endswith(b"hello")
        assert answer.count(b"HTTP/1.1 200") == 1
        assert len(app.served) == 1


# Time.


@pytest.mark.parametrize("sent", [b"GET / HT", GET[:-2], POST[:-1]])
async def test_a_request_that_does_not_arrive_in_time_is_told(sent: bytes) -> None:
    settings = ServerSettings(head_timeout=0.05, body_timeout=0.05, sweep_grain=0.01)
    async with front_door(Echo(), settings) as server:
        assert status(await exchange(server, sent)) == 408


async def test_a_head_that_dribbles_in_has_no_more_time_than_another() -> None:
    settings = ServerSettings(head_timeout=0.2, sweep_grain=0.01)
    async with front_door(Echo(), settings) as server, caller(server) as (reader, writer):
        started = now()
        answer = asyncio.create_task(reader.read(), name="answer")
        for letter in b"GET /" + b"a" * 250:
            writer.write(bytes((letter,)))
            await asyncio.wait([answer], timeout=0.02)
            if answer.done():
                break
        assert status(answer.result()) == 408
        assert now() - started < 2


async def test_an_idle_connection_is_closed() -> None:
    settings = ServerSettings(idle=0.05, sweep_grain=0.01)
    async with front_door(Echo(), settings) as server:
        assert await exchange(server) == b""
        answer = await exchange(server, GET)
        assert status(answer) == 200


async def test_an_answer_may_take_longer_than_any_time_for_reading() -> None:
    settings = ServerSettings(
        idle=0.02, head_timeout=0.02, body_timeout=0.02, write_timeout=0.02, sweep_grain=0.01
    )
    app = Echo(leave_open)
    async with front_door(app, settings) as server, caller(server) as (reader, writer):
        writer.write(GET)
        await until(lambda: app.served, 5)
        await asyncio.sleep(0.15)
        app.served[0].respond(200)
        assert status((await read_answer(reader))[0]) == 200


async def test_a_caller_that_does_not_read_is_cut_off() -> None:
    gone = asyncio.Event()

    def flood(request: Request) -> None:
        request.on_gone = gone.set
        request.start(200, ())
        request.write(bytes(50_000_000))

    settings = ServerSettings(write_timeout=0.1, sweep_grain=0.01)
    async with front_door(Echo(flood), settings) as server, caller(server) as (_, writer):
        writer.write(GET)
        async with asyncio.timeout(5):
            await gone.wait()


# Streams.


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


# Behind a client: a function's answer streams to the caller with nothing in between.


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


# The end.


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
