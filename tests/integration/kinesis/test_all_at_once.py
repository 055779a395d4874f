"""Splits, merges, throttling, expired iterators and killed replicas, all under load."""

from __future__ import annotations

import asyncio
import functools
import os
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws_proxy import AwsProxy
from tests.fakes.dynamodb_server import DynamoDbServer
from tests.fakes.kinesis_server import Operator
from tests.faults.sizes import seed_from
from tests.integration.kinesis.replica import Process, Settled, store
from tests.support.kinesis import FAILOVER, SettlingIntake, StreamOfTests, read_on
from tests.support.load import Load, assert_in_order
from tests.support.waiting import until

SHARDS = 4
"""How many there are at most: with more, a busy machine only works on leases."""

THROTTLED = "ProvisionedThroughputExceededException"

TROUBLE = {
    "GetRecords": {THROTTLED: 0.05, "ExpiredIteratorException": 0.02},
    "GetShardIterator": {THROTTLED: 0.1},
    "ListShards": {"LimitExceededException": 0.1},
    "UpdateItem": {THROTTLED: 0.1},
    "BatchGetItem": {THROTTLED: 0.05},
}
"""Operation -> error -> how often. Each call may be refused, its repetitions too."""


@dataclass(slots=True)
class Stage:
    """A stream in trouble, one replica here that stays, and others that are killed."""

    stream: StreamOfTests
    operator: Operator
    leases: str
    folder: Path
    chance: random.Random
    stayer: SettlingIntake = field(default_factory=SettlingIntake)
    processes: list[Process] = field(default_factory=list)

    async def reshard(self) -> None:
        """Split the widest shard or merge two; two are left, so that there is something to share.

        Of shards that are split blindly, half of the runs get one that no key falls into, and a
        replica that has nothing else never settles anything.
        """
        shards = await self.operator.open_shards(self.stream.name)
        count = len(shards)
        if count <= 2 or (count < SHARDS and self.chance.random() < 0.5):
            widest = max(range(count), key=lambda index: _width(shards[index]))
            await self.operator.split(self.stream.name, widest)
        else:
            first = self.chance.randrange(count - 1)
            await self.operator.merge(self.stream.name, (first, first + 1))

    async def kill_one_that_works(self, stack: AsyncExitStack) -> None:
        """Start a replica, and kill it once it has leases and has settled some records."""
        number = len(self.processes)
        one = Process(self.stream, self.leases, self.folder / f"replica-{number}")
        self.processes.append(one)
        await stack.enter_async_context(one.running())
        enough = self.chance.randrange(50, 150)
        await until(lambda: len(one.settled()) >= enough, timeout=120, every=0.05)
        await self.reshard()
        await one.kill()

    def missing(self, load: Load) -> set[tuple[object, int]]:
        """Return what nobody has settled."""
        gone: set[Settled] = set()
        return load.missing(self.stayer.deliveries) - gone.union(
            *(one.settled() for one in self.processes)
        )


def _width(shard: dict[str, Any]) -> int:
    """Return how many hash keys a shard takes."""
    hash_keys = shard["HashKeyRange"]
    return int(hash_keys["EndingHashKey"]) - int(hash_keys["StartingHashKey"])


def troubled(chance: random.Random) -> Callable[[str, dict[str, Any], str], str | None]:
    """Return what refuses calls at random."""

    def verdict(operation: str, *_: object) -> str | None:
        drawn = chance.random()
        for code, share in TROUBLE.get(operation, {}).items():
            if drawn < share:
                return code
            drawn -= share
        return None

    return verdict


@pytest.fixture
def seed(record_property: Callable[[str, object], None]) -> str:
    drawn = seed_from(os.environ)
    record_property("seed", drawn)
    print(f"to replay it, set TIDEGATE_FAULTS_SEED={drawn}")  # noqa: T201 - shown where it fails
    return drawn


@pytest.fixture(params=["sqlite", "dynamodb"])
async def stage(
    request: pytest.FixtureRequest,
    stream: StreamOfTests,
    operator: Operator,
    tmp_path: Path,
    seed: str,
) -> AsyncIterator[Stage]:
    chance = random.Random(seed)
    proxy = AwsProxy(stream.server.url)
    proxy.accepts = troubled(chance)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(proxy.running())
        leases = str(stream.file)
        if request.param == "dynamodb":
            tables: DynamoDbServer = request.getfixturevalue("tables")
            table = AwsProxy(tables.url)
            table.accepts = troubled(chance)
            await stack.enter_async_context(table.running())
            leases = table.url
        there = replace(stream, endpoint=proxy.url)
        yield Stage(there, operator, leases, tmp_path, chance)


async def play(stage: Stage, load: Load, kills: int, steps: int) -> None:
    """Reshard `steps` times before each of `kills`, and once between."""
    async with AsyncExitStack() as stack, load.flowing(pause=0.02):
        for _ in range(kills):
            for _ in range(steps):
                await asyncio.sleep(stage.chance.uniform(0.1, 0.5))  # records flow in between
                await stage.reshard()
            await stage.kill_one_that_works(stack)


@asynccontextmanager
async def staying(stage: Stage) -> AsyncIterator[None]:
    """Have the replica that is never killed read for the length of the block."""
    source = functools.partial(stage.stream.source, timing=FAILOVER)
    task = asyncio.create_task(read_on(lambda: source(store(stage.leases)), stage.stayer))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()


async def nothing_is_lost(stage: Stage, kills: int, steps: int) -> None:
    load = Load(stage.operator, stage.stream.name)
    async with staying(stage):
        await play(stage, load, kills, steps)
        await until(lambda: not stage.missing(load), timeout=120, every=0.2)
    assert_in_order(stage.stayer.deliveries)
    for process in stage.processes:
        assert_settled_in_order(process.settled())
    assert len({one.partition for one in stage.stayer.deliveries}) >= 2


def assert_settled_in_order(records: Iterable[Settled]) -> None:
    """Check that no key's record was first settled before an earlier one of the key."""
    for wanted in {key for key, _ in records}:
        numbers = list(dict.fromkeys(number for key, number in records if key == wanted))
        assert numbers == sorted(numbers), wanted


@pytest.mark.parametrize("stage", ["sqlite"], indirect=True)
@pytest.mark.timeout(300)
async def test_nothing_is_lost_when_everything_happens_at_once(stage: Stage) -> None:
    await nothing_is_lost(stage, kills=1, steps=2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_nothing_is_lost_when_everything_happens_again_and_again(stage: Stage) -> None:
    await nothing_is_lost(stage, kills=8, steps=4)
