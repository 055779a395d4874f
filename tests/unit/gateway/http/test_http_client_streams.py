import asyncio

import pytest

from gateway.http.errors import (
    CallerGone,
    ConnectionDied,
    DeadlineExceeded,
)
from tests.unit.gateway.http.peers import (
    OK,
    Recorder,
    answering,
    closing_after,
    pool_of,
    post,
    read_request,
)

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_streamed_answer_arrives_as_it_is_sent() -> None:
    go = asyncio.Event()

    async def script(reader, writer, _):
        await read_request(reader)
        writer.write(CHUNKED + b"2\r\nab\r\n")
        await go.wait()
        writer.write(b"2\r\ncd\r\n0\r\n\r\n")
        await reader.read()

    async with pool_of(script) as (pool, _), asyncio.TaskGroup() as group:
        stream = Recorder()
        task = group.create_task(post(pool, stream=stream))
        async with asyncio.timeout(5):
            await stream.began.wait()
        assert (stream.status, stream.body, stream.ended) == (200, b"ab", False)
        assert stream.flushes
        go.set()
        assert (await task).status == 200
        assert (stream.body, stream.ended) == (b"abcd", True)


async def test_a_congested_stream_stops_the_server_and_goes_on() -> None:
    size = 8 * 1024 * 1024
    sent = 0

    async def script(reader, writer, _):
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        writer.transport.set_write_buffer_limits(0)
        while sent < size:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()
        await read_request(reader)
        writer.write(OK)
        await reader.read()

    class Pausing(Recorder):
        def start(self, status, headers):
            super().start(status, headers)
            self.flow.pause()

    async with pool_of(script) as (pool, server), asyncio.TaskGroup() as group:
        stream = Pausing()
        task = group.create_task(post(pool, stream=stream))
        async with asyncio.timeout(5):
            await stream.began.wait()
            with pytest.raises(DeadlineExceeded):  # meanwhile, much could have been sent
                async with pool_of(answering(b"")) as (other, _):
                    await post(other, within=0.1)
            assert len(stream.body) <= 65536
            assert sent < size
            stream.flow.resume()
            await task
        assert len(stream.body) == size
        assert (await post(pool)).body == b"ok"
        assert server.connections == 1


async def test_a_stream_that_ends_while_paused_leaves_a_working_connection() -> None:
    class Pausing(Recorder):
        def write(self, chunk):
            super().write(chunk)
            self.flow.pause()

    async with pool_of(answering(OK, OK)) as (pool, server):
        await post(pool, stream=Pausing())
        assert (await post(pool)).body == b"ok"
        assert server.connections == 1


@pytest.mark.parametrize("moment", ["attach", "start", "write"])
async def test_a_stream_that_nobody_reads_any_more_ends_the_exchange(moment: str) -> None:
    stream = Recorder()
    normal = getattr(stream, moment)

    def leave(*args):
        normal(*args)
        stream.flow.abandon()

    setattr(stream, moment, leave)
    async with pool_of(answering(OK)) as (pool, _):
        with pytest.raises(CallerGone):
            await post(pool, stream=stream)
        assert not stream.ended
        assert pool.idle_connections == 0


async def test_a_stream_that_raises_fails_its_request_only() -> None:
    class Broken(Recorder):
        def write(self, chunk):
            raise RuntimeError("disk full")

    async with pool_of(answering(OK)) as (pool, _):
        with pytest.raises(RuntimeError, match="disk full"):
            await post(pool, stream=Broken())
        assert (await post(pool)).body == b"ok"


async def test_a_death_within_a_stream_never_ends_it() -> None:
    async with pool_of(closing_after(CHUNKED + b"2\r\nab\r\n")) as (pool, _):
        stream = Recorder()
        with pytest.raises(ConnectionDied):
            await post(pool, stream=stream)
        assert (stream.body, stream.ended) == (b"ab", False)
