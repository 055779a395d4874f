import asyncio

import pytest

from gateway.http.client import Pool, PoolSettings
from gateway.http.errors import (
    ConnectFailed,
    ConnectionDied,
    DeadlineExceeded,
)
from tests.support.waiting import until
from tests.unit.gateway.http.peers import (
    HOST,
    OK,
    answering,
    now,
    pool_of,
    post,
    read_request,
)

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


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


@pytest.mark.regression("Kubeless: calls functions without any deadline")
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
