import asyncio

import pytest

from gateway.http.request import Answer
from gateway.http.server import ServerSettings
from tests.support.waiting import until
from tests.unit.gateway.http.peers import (
    GET,
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


async def test_a_refused_caller_may_finish_what_it_is_saying() -> None:
    app = Echo()
    app.limit = 4
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(POST.replace(b"5", b"900000")[:-5])
        assert status((await read_answer(reader))[0]) == 413
        for _ in range(9):
            writer.write(bytes(100_000))
            await writer.drain()
            await asyncio.sleep(0)
        assert not writer.is_closing()


async def test_a_refused_caller_that_does_not_stop_is_cut_off() -> None:
    app = Echo()
    app.limit = 4
    async with (
        front_door(app, ServerSettings(linger=600.0)) as server,
        caller(server) as (reader, writer),
    ):
        writer.write(POST.replace(b"5", b"900000000")[:-5])
        assert status((await read_answer(reader))[0]) == 413
        async with asyncio.timeout(30):
            with pytest.raises(ConnectionError):
                while True:
                    writer.write(bytes(100_000))
                    await writer.drain()


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


async def test_who_goes_away_in_the_midst_of_a_body_takes_no_memory_along() -> None:
    async with front_door(Echo(), ServerSettings(max_bodies=8)) as server:
        async with caller(server) as (reader, writer):
            writer.write(GET)
            await read_answer(reader)
            writer.write(POST[:-1])
        await until(lambda: server.open_connections == 0, 10)
        async with caller(server) as (reader, writer):
            writer.write(POST)
            assert status((await read_answer(reader))[0]) == 200


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
