import asyncio
import contextlib
import random

import pytest

from gateway.http.client import Pool, PoolSettings
from gateway.http.connection import ResponseLimits
from gateway.http.errors import (
    CallerGone,
    ConnectFailed,
    ConnectionDied,
    DeadlineExceeded,
    PoolClosed,
    PoolFull,
    ProtocolViolation,
    ResponseTooLarge,
)
from gateway.http.flow import Discard
from gateway.http.headers import encode_request
from tests.support.waiting import until
from tests.unit.gateway.http.peers import (
    HOST,
    OK,
    Recorder,
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


# Deaths and retries.


async def test_a_reused_connection_that_died_is_replaced_once_at_once() -> None:
    async def script(reader, writer, number):
        await read_request(reader)
        if number == 1:
            writer.write(OK)
            await read_request(reader)
            return  # the second request dies here, unanswered
        writer.write(OK)
        await reader.read()

    async with pool_of(script) as (pool, server):
        await post(pool)
        assert (await post(pool)).body == b"ok"
        assert server.connections == 2


async def test_the_second_attempt_is_the_last() -> None:
    async def script(reader, writer, number):
        await read_request(reader)
        if number == 1:
            writer.write(OK)
            await read_request(reader)

    async with pool_of(script) as (pool, server):
        await post(pool)
        with pytest.raises(ConnectionDied) as died:
            await post(pool)
        assert died.value.before_response
        assert server.connections == 2


async def test_the_second_attempt_does_not_take_another_old_connection() -> None:
    both = asyncio.Barrier(2)

    async def script(reader, writer, number):
        await read_request(reader)
        if number <= 2:
            await both.wait()
            writer.write(OK)
            await read_request(reader)
            return
        writer.write(OK)
        await reader.read()

    settings = PoolSettings(max_connections=2)
    async with pool_of(script, settings) as (pool, server):
        async with asyncio.TaskGroup() as group:
            group.create_task(post(pool))
            group.create_task(post(pool))
        assert pool.idle_connections == 2
        assert (await post(pool)).body == b"ok"
        assert server.connections == 3


async def test_the_second_attempt_does_not_take_the_connection_of_another_request() -> None:
    async def script(reader, writer, number):
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)
        if number > 1:
            writer.write(OK)

    settings = PoolSettings(max_connections=1)
    async with pool_of(script, settings) as (pool, server):
        await post(pool)
        async with asyncio.TaskGroup() as group:
            group.create_task(post(pool))
            group.create_task(post(pool))
        assert server.connections == 3


async def test_a_fresh_connection_that_dies_is_the_callers_business() -> None:
    async def script(reader, writer, _):
        await read_request(reader)

    async with pool_of(script) as (pool, server):
        with pytest.raises(ConnectionDied) as died:
            await post(pool)
        assert died.value.before_response
        assert server.connections == 1


@pytest.mark.parametrize("part", [b"H", OK[:20], OK[:-1], CHUNKED + b"2\r\nok\r\n"])
async def test_a_death_within_the_answer_is_never_retried(part: bytes) -> None:
    async def script(reader, writer, _):
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)
        writer.write(part)

    async with pool_of(script) as (pool, server):
        await post(pool)
        with pytest.raises(ConnectionDied) as died:
            await post(pool)
        assert not died.value.before_response
        assert server.connections == 1


async def test_nobody_listening_is_told_quickly() -> None:
    async with pool_of(answering()) as (_, server):
        port = server.port
    pool = Pool(HOST, port)
    with pytest.raises(ConnectFailed, match=str(port)):
        await post(pool)
    assert pool.open_connections == 0


@pytest.mark.parametrize("host", ["function.invalid", "x" * 64 + ".invalid"])
async def test_a_host_without_an_address_is_told(host: str) -> None:
    pool = Pool(host, 80)
    with pytest.raises(ConnectFailed, match=host):
        await post(pool)


# Deadlines.


async def test_a_silent_server_costs_no_more_than_the_deadline() -> None:
    async with pool_of(answering(b"", b"")) as (pool, _):
        started = now()
        with pytest.raises(DeadlineExceeded) as late:
            await post(pool, within=0.05)
        assert late.value.sent
        assert 0.04 < now() - started < 1


async def test_a_later_shorter_deadline_is_kept_too() -> None:
    async with pool_of(answering(b"")) as (pool, _), asyncio.TaskGroup() as group:
        long = group.create_task(post(pool, within=60))
        with pytest.raises(DeadlineExceeded):
            await post(pool, within=0.05)
        assert not long.done()
        long.cancel()


async def test_the_wait_for_a_connection_counts() -> None:
    settings = PoolSettings(max_connections=1)
    async with pool_of(answering(b""), settings) as (pool, _), asyncio.TaskGroup() as group:
        holder = group.create_task(post(pool, within=60))
        await until(lambda: pool.open_connections, 5)
        with pytest.raises(DeadlineExceeded) as late:
            await post(pool, within=0.05)
        assert not late.value.sent
        assert pool.waiting == 0
        holder.cancel()


async def test_a_deadline_in_the_past_sends_nothing() -> None:
    async with pool_of(answering(OK)) as (pool, server):
        with pytest.raises(DeadlineExceeded):
            await post(pool, within=-1)
        assert server.connections == 0


# The pool.


async def test_waiting_requests_share_the_connections_in_turn() -> None:
    async with pool_of(answering(*[OK] * 20), PoolSettings(max_connections=2)) as (pool, server):
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(post(pool))
        assert server.connections == 2


async def test_a_queue_that_is_full_says_so() -> None:
    settings = PoolSettings(max_connections=1, max_waiting=1)
    async with pool_of(answering(b""), settings) as (pool, _), asyncio.TaskGroup() as group:
        tasks = [group.create_task(post(pool)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(PoolFull, match="max_connections"):
            await post(pool)
        for task in tasks:
            task.cancel()


async def test_an_idle_connection_is_closed_in_time() -> None:
    closed = asyncio.Event()

    async def script(reader, writer, _):
        await read_request(reader)
        writer.write(OK)
        assert await reader.read() == b""
        closed.set()

    async with pool_of(script, PoolSettings(idle=0.05)) as (pool, _):
        await post(pool)
        async with asyncio.timeout(5):
            await closed.wait()
        assert pool.open_connections == 0


async def test_an_old_connection_is_retired() -> None:
    settings = PoolSettings(max_age=0)
    async with pool_of(answering(OK, OK), settings) as (pool, server):
        await post(pool)
        await post(pool)
        assert server.connections == 2


async def test_the_last_used_connection_is_used_first() -> None:
    numbers: list[int] = []

    async def script(reader, writer, number):
        while True:
            await read_request(reader)
            numbers.append(number)
            writer.write(OK)

    async with pool_of(script) as (pool, _):
        async with asyncio.TaskGroup() as group:
            group.create_task(post(pool))
            group.create_task(post(pool))
        last = len(numbers)
        for _ in range(3):
            await post(pool)
        assert len(set(numbers[last:])) == 1


async def test_closing_fails_what_is_under_way_and_what_waits() -> None:
    async with pool_of(answering(b""), PoolSettings(max_connections=1)) as (pool, _):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(refused(pool)) for _ in range(2)]
            await until(lambda: pool.waiting, 5)
            await pool.close()
        assert all(isinstance(task.result(), PoolClosed) for task in tasks)
        with pytest.raises(PoolClosed):
            await post(pool)


async def refused(pool: Pool) -> PoolClosed:
    with pytest.raises(PoolClosed) as closed:
        await post(pool)
    return closed.value


async def test_cancelling_a_request_closes_its_connection() -> None:
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def script(reader, writer, _):
        await read_request(reader)
        arrived.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        closed.set()

    async with pool_of(script) as (pool, _), asyncio.TaskGroup() as group:
        task = group.create_task(post(pool))
        async with asyncio.timeout(5):
            await arrived.wait()
            task.cancel()
            await closed.wait()
        await until(lambda: pool.open_connections == 0, 5)


async def test_cancelling_one_request_hurts_no_other() -> None:
    async def script(reader, writer, _):
        while True:
            request = await read_request(reader)
            if request.endswith(b"hang"):
                await reader.read()
                return
            writer.write(OK)

    settings = PoolSettings(max_connections=4)
    async with pool_of(script, settings) as (pool, _), asyncio.TaskGroup() as group:
        hanging = [group.create_task(post(pool, b"hang")) for _ in range(3)]
        good = [group.create_task(post(pool, b"good")) for _ in range(20)]
        done, _ = await asyncio.wait(good)
        assert all(task.result().body == b"ok" for task in done)
        for task in hanging:
            task.cancel()


async def test_many_cancellations_leak_nothing() -> None:
    chance = random.Random(7)

    async def script(reader, writer, _):
        while True:
            await read_request(reader)
            if chance.random() < 0.1:
                return
            writer.write(OK)

    async def one(pool: Pool) -> None:
        try:
            async with asyncio.timeout(chance.random() * 0.01):
                await post(pool)
        except (TimeoutError, ConnectionDied):
            pass

    async with pool_of(script, PoolSettings(max_connections=5)) as (pool, _):
        async with asyncio.TaskGroup() as group:
            for _ in range(400):
                group.create_task(one(pool))
        assert pool.waiting == 0
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(one(pool))
        assert pool.open_connections <= 5


# Streams.


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
