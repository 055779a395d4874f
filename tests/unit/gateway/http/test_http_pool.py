import asyncio
import contextlib
import random

import pytest

from gateway.http.client import Pool, PoolSettings
from gateway.http.errors import (
    ConnectionDied,
    PoolClosed,
    PoolFull,
)
from tests.support.waiting import until
from tests.unit.gateway.http.peers import (
    OK,
    answering,
    pool_of,
    post,
    read_request,
)


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
