import asyncio
import contextlib

import pytest

from gateway.http.client import PoolSettings
from gateway.http.connection import ResponseLimits
from gateway.http.errors import (
    ProtocolViolation,
    ResponseTooLarge,
)
from gateway.http.flow import Discard
from gateway.http.headers import encode_request
from tests.unit.gateway.http.peers import (
    OK,
    answering,
    closing_after,
    now,
    pool_of,
    post,
    post_head,
    read_request,
)

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_one_connection_carries_request_after_request() -> None:
    async with pool_of(answering(OK, OK, OK)) as (pool, server):
        for _ in range(3):
            response = await post(pool)
            assert (response.status, response.body) == (200, b"ok")
        assert server.connections == 1
        assert pool.idle_connections == 1


async def test_the_request_arrives_as_it_was_written() -> None:
    seen = asyncio.get_running_loop().create_future()

    async def script(reader, writer, _):
        seen.set_result(await read_request(reader))
        writer.write(OK)
        await reader.read()

    async with pool_of(script) as (pool, _):
        await post(pool, b"x" * 200_000)
        assert await seen == post_head(200_000) + b"x" * 200_000


async def test_header_names_are_lower_case_and_values_trimmed() -> None:
    answer = b"HTTP/1.1 503 No\r\nRetry-After:  7  \r\nContent-Length: 0\r\n\r\n"
    async with pool_of(answering(answer)) as (pool, _):
        response = await post(pool)
        assert response.headers == [(b"retry-after", b"7"), (b"content-length", b"0")]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (CHUNKED + b"2\r\nok\r\n3;ext=1\r\n...\r\n0\r\nTrailer: x\r\n\r\n", b"ok..."),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", b""),
        (b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ],
)
async def test_every_framing_is_understood_and_the_connection_goes_on(
    answer: bytes, body: bytes
) -> None:
    async with pool_of(answering(answer, OK)) as (pool, server):
        assert (await post(pool)).body == body
        assert (await post(pool)).body == b"ok"
        assert server.connections == 1


async def test_an_answer_to_head_has_no_body() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with pool_of(answering(head, OK)) as (pool, server):
        request = encode_request(b"HEAD", b"/", [(b"host", b"test")])
        response = await pool.request(request, b"", now() + 5)
        assert (response.status, response.body) == (200, b"")
        assert (await post(pool)).body == b"ok"
        assert server.connections == 1


async def test_an_answer_may_end_with_the_connection() -> None:
    async with pool_of(closing_after(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as (pool, _):
        assert (await post(pool)).body == b"all of it"
        assert pool.idle_connections == 0


@pytest.mark.parametrize(
    "version", [b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n"]
)
async def test_a_connection_that_will_close_is_not_used_again(version: bytes) -> None:
    async with pool_of(answering(version + b"Content-Length: 2\r\n\r\nok", OK)) as (pool, server):
        await post(pool)
        await post(pool)
        assert server.connections == 2


VIOLATIONS = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "length and chunks": CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks and length": OK[:-4].replace(b"OK", b"OK\r\nTransfer-Encoding: chunked") + b"\r\nok",
    "another coding": CHUNKED.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n",
    "identity coding": CHUNKED.replace(b"chunked", b"identity"),
    "two codings": CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in 1.0": CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n",
    "bad chunk size": CHUNKED + b"zz\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "folded header": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n",
    "space before colon": b"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "RTSP": OK.replace(b"HTTP/1.1", b"RTSP/1.0"),
    "HTTP/2": OK.replace(b"1.1", b"2.0"),
    "HTTP/2 after 1xx": b"HTTP/1.1 100 Go on\r\n\r\n" + OK.replace(b"1.1", b"2.0"),
    "leading line": b"\r\n" + OK,
    "status 99": OK.replace(b"200", b"099"),
    "status 600": OK.replace(b"200", b"600"),
    "short status": OK.replace(b"200", b"20"),
    "switching protocols": b"HTTP/1.1 101 Now\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "bare 101": b"HTTP/1.1 101 Now\r\n\r\n",
    "huge header": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000,
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"A: bcdef\r\n" * 10_000,
    "endless 1xx": b"HTTP/1.1 100 Go on\r\nA: b\r\n\r\n" * 10_000,
    "huge trailer": CHUNKED + b"0\r\nA: " + b"x" * 140_000,
}


@pytest.mark.parametrize("answer", VIOLATIONS.values(), ids=VIOLATIONS.keys())
async def test_what_is_not_strict_http_is_refused_and_closed(answer: bytes) -> None:
    async with pool_of(answering(answer)) as (pool, _):
        with pytest.raises(ProtocolViolation, match=pool.endpoint):
            await post(pool)
        assert pool.idle_connections == 0


@pytest.mark.parametrize(
    "extra", [b"x", OK, b"HTTP/1.1 200", b"\0"], ids=["byte", "answer", "half answer", "nul"]
)
async def test_bytes_after_the_answer_end_the_connection(extra: bytes) -> None:
    async with pool_of(answering(OK + extra, OK)) as (pool, server):
        assert (await post(pool)).body == b"ok"
        assert (await post(pool)).body == b"ok"
        assert server.connections == 2


async def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    go, closed = asyncio.Event(), asyncio.Event()

    async def script(reader, writer, _):
        await read_request(reader)
        writer.write(OK)
        await go.wait()
        writer.write(OK)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        closed.set()

    async with pool_of(script) as (pool, _):
        await post(pool)
        go.set()
        async with asyncio.timeout(5):
            await closed.wait()
        assert pool.idle_connections == 0


async def test_a_body_beyond_the_limit_is_an_error_of_its_own() -> None:
    settings = PoolSettings(limits=ResponseLimits(body=10))
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11,
        CHUNKED + b"6\r\n......\r\n6\r\n......\r\n",
    ):
        async with pool_of(answering(answer), settings) as (pool, _):
            with pytest.raises(ResponseTooLarge, match="10 bytes"):
                await post(pool)


async def test_a_discarded_body_has_no_limit_and_the_connection_goes_on() -> None:
    settings = PoolSettings(limits=ResponseLimits(body=10))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
    async with pool_of(answering(answer, OK), settings) as (pool, server):
        response = await post(pool, stream=Discard())
        assert (response.status, response.body) == (200, b"")
        await post(pool)
        assert server.connections == 1


async def test_an_answer_arrives_byte_by_byte() -> None:
    answer = CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"

    async def script(reader, writer, _):
        for _ in range(2):
            await read_request(reader)
            for index in range(len(answer)):
                writer.write(answer[index : index + 1])
                await writer.drain()
                await asyncio.sleep(0)
        await reader.read()

    async with pool_of(script) as (pool, server):
        for _ in range(2):
            assert (await post(pool)).body == b"hello"
        assert server.connections == 1
