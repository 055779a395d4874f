"""The shards of a stream are replayed from a time on, with no lease."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.fakes.function_server import FunctionServer, function_server
from tests.fakes.kinesis_server import Operator
from tests.support.gateways import Running, running_gateway
from tests.support.kinesis import SECRETS, StreamOfTests
from tests.support.kinesis_gateway import delivered, on_a_laptop, trigger
from tests.support.load import Load
from tests.support.replays import Told, counts, prepared, replayed
from tests.support.waiting import until


@dataclass
class Shop:
    """A gateway between a stream and `hello`; `next` is another function."""

    running: Running
    hello: FunctionServer
    next: FunctionServer


@asynccontextmanager
async def shop(stream: StreamOfTests, folder: Path) -> AsyncIterator[Shop]:
    async with (
        function_server() as hello,
        function_server() as other,
        running_gateway(
            [trigger(stream.spec())],
            {"hello": [hello.address], "next": [other.address]},
            on_a_laptop(folder),
            SECRETS,
        ) as running,
    ):
        yield Shop(running, hello, other)


def leases(folder: Path) -> Sequence[Any]:
    """Return the keys and the positions that the leases have."""
    with closing(sqlite3.connect(folder / "leases.sqlite")) as file:
        return file.execute("select key, position from leases order by key").fetchall()


def seen(function: FunctionServer) -> dict[str, list[int]]:
    """Return the numbers that a function was sent, by their keys."""
    found: dict[str, list[int]] = {}
    for one in function.seen:
        found.setdefault(one.headers["ce-partitionkey"], []).append(int(one.body))
    return found


async def test_the_leases_stand_where_they_stood_and_each_key_is_in_order(
    stream: StreamOfTests, operator: Operator, tmp_path: Path
) -> None:
    load = Load(operator, stream.name)
    async with shop(stream, tmp_path) as one:
        await load.publish(4)
        await delivered(one.running, 80)
        await until(lambda: not one.running.progress("orders").uncommitted, timeout=30)
        before = await asyncio.to_thread(leases, tmp_path)
        report = await replayed(one.running, target="next")
        assert counts(report) == {"read": 80, "delivered": 80}
        assert seen(one.next) == {f"key{key}": [0, 1, 2, 3] for key in range(20)}
        assert await asyncio.to_thread(leases, tmp_path) == before
        assert len(one.hello.seen) == 80


async def test_a_window_is_one_of_arrivals(
    stream: StreamOfTests, operator: Operator, tmp_path: Path
) -> None:
    async with shop(stream, tmp_path) as one:
        for number in range(4):
            await operator.put(stream.name, [("key", b"%d" % number)])
            await asyncio.sleep(0.02)  # arrivals have milliseconds
        times = await arrivals(operator, stream.name)
        report = await replayed(one.running, target="next", start=times[1], end=times[3])
        assert seen(one.next) == {"key": [1, 2]}
        assert counts(report) == {"read": 2, "delivered": 2}


async def arrivals(operator: Operator, stream: str) -> list[datetime]:
    """Return when the records of the only shard arrived."""
    client = operator.client
    (shard,) = await operator.open_shards(stream)
    place = await client.get_shard_iterator(
        StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    batch = await client.get_records(ShardIterator=place["ShardIterator"])
    return [one["ApproximateArrivalTimestamp"] for one in batch["Records"]]


async def test_it_ends_under_live_traffic(
    stream: StreamOfTests, operator: Operator, tmp_path: Path
) -> None:
    load = Load(operator, stream.name)
    async with shop(stream, tmp_path) as one:
        await load.publish(5)
        async with load.flowing():
            report = await replayed(one.running, target="next")
        assert 100 <= report["delivered"] == report["read"] <= load.count
        assert all(numbers[:5] == [0, 1, 2, 3, 4] for numbers in seen(one.next).values())
        await delivered(one.running, load.count)
        assert len(one.hello.seen) == load.count


async def test_shards_that_were_split_come_after_their_parents(
    stream: StreamOfTests, operator: Operator, tmp_path: Path
) -> None:
    load = Load(operator, stream.name)
    async with shop(stream, tmp_path) as one:
        await load.publish(2)
        await operator.split(stream.name)
        await load.publish(2)
        report = await replayed(one.running, target="next")
        assert counts(report) == {"read": 80, "delivered": 80}
        assert seen(one.next) == {f"key{key}": [0, 1, 2, 3] for key in range(20)}


async def test_a_replay_that_is_cut_off_ends(
    stream: StreamOfTests, operator: Operator, tmp_path: Path
) -> None:
    load = Load(operator, stream.name)
    async with shop(stream, tmp_path) as one:
        await load.publish(2)
        replay = prepared(one.running, target="next", rate=1)
        running = asyncio.create_task(replay.run(Told()))
        await one.next.until(2, 30)
        running.cancel()
        await asyncio.wait([running], timeout=30)
        assert running.cancelled()
        assert len(one.next.seen) < 40
