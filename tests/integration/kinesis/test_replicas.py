"""Replicas share the shards of a stream, and take over from one that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.delivery import Delivery, Outcome
from gateway.stores.sqlite_leases import SqliteLeases
from tests.fakes.dynamodb_server import DynamoDbServer
from tests.fakes.kinesis_server import Operator
from tests.integration.kinesis.replica import Process
from tests.support.dynamodb import lease_table
from tests.support.intake import RecordingIntake
from tests.support.kinesis import (
    FAILOVER,
    FAST,
    CutOff,
    SettlingIntake,
    StreamOfTests,
    reading,
)
from tests.support.load import Load, assert_in_order
from tests.support.waiting import until


@pytest.fixture
async def four_shards(stream: StreamOfTests, operator: Operator) -> StreamOfTests:
    await operator.create("four", 4)
    return StreamOfTests(stream.server, stream.file, "four")


async def test_a_second_replica_gets_half_of_the_shards_without_a_repetition(
    four_shards: StreamOfTests, operator: Operator
) -> None:
    load = Load(operator, four_shards.name, keys=40)
    one, other = SettlingIntake(), SettlingIntake()
    async with reading(four_shards.source(), one):
        await load.publish(1)
        await one.until(40)
        async with reading(four_shards.source(), other):
            while len({d.partition for d in other.deliveries}) < 2:
                await load.publish(1)
                await asyncio.sleep(0.1)  # the pace of the load
            await until(lambda: len([*one.deliveries, *other.deliveries]) == load.count, 20)
            before = [len(intake.deliveries) for intake in (one, other)]
            await load.publish(2)
            await until(lambda: len([*one.deliveries, *other.deliveries]) == load.count, 20)
            late = [
                {d.partition for d in intake.deliveries[start:]}
                for intake, start in zip((one, other), before, strict=True)
            ]
    assert [len(shards) for shards in late] == [2, 2]
    assert late[0].isdisjoint(late[1])
    both = [*one.deliveries, *other.deliveries]
    assert len({d.event.id for d in both}) == len(both)


async def test_a_shard_that_moves_waits_until_what_was_read_of_it_is_settled(
    four_shards: StreamOfTests, operator: Operator
) -> None:
    load, slow = Load(operator, four_shards.name, keys=40), replace(FAST, period=30, settle=30)
    one, other = RecordingIntake(), SettlingIntake()
    await load.publish(1)
    async with reading(four_shards.source(timing=slow), one):
        await one.until(40)
        async with reading(four_shards.source(timing=slow), other):
            await other.until_polled()
            await asyncio.sleep(2)  # by now the first one knows of the second
            assert not other.deliveries
            one.settle()
            while not other.deliveries:
                await load.publish(1)
                await asyncio.sleep(0.1)  # the pace of the load
                one.settle()
    both = [*one.deliveries, *other.deliveries]
    assert len({d.event.id for d in both}) == len(both)


async def test_what_is_not_settled_soon_is_given_back_with_its_shard(
    four_shards: StreamOfTests, operator: Operator
) -> None:
    load, slow = Load(operator, four_shards.name, keys=40), replace(FAST, period=60, settle=0.5)
    one, other = RecordingIntake(), SettlingIntake()
    await load.publish(1)
    async with reading(four_shards.source(timing=slow), one):
        await one.until(40)
        async with reading(four_shards.source(timing=slow), other):
            await until(lambda: len({d.partition for d in other.deliveries}) == 2, timeout=40)
            given = [d for d in one.deliveries if d.outcome is Outcome.RELEASED]
            assert {d.partition for d in given} == {d.partition for d in other.deliveries}
            await until(lambda: records(given) == records(other.deliveries), timeout=20)
        one.settle()


async def test_a_crash_repeats_only_what_had_not_ended(
    four_shards: StreamOfTests, operator: Operator
) -> None:
    load = Load(operator, four_shards.name, keys=40)
    cut = CutOff(SqliteLeases(four_shards.file))
    dying, heir = RecordingIntake(), SettlingIntake()
    await load.publish(3)
    async with reading(four_shards.source(cut), dying) as dead:
        await dying.until(120)
        for one in dying.deliveries[::2]:
            one.settle(Outcome.DELIVERED)
        before = cut.writes
        await until(lambda: cut.writes >= before + 3, 20)  # the first may have been under way
        cut.cut = True
        await dead.stop_reading()
        async with reading(four_shards.source(), heir):
            await heir.until(60, timeout=60)
            await load.publish(1)
            await heir.until(100, timeout=60)
    assert records(heir.deliveries[:60]) == records(dying.deliveries[1::2])
    assert len(heir.deliveries) == 100


async def test_a_position_that_moves_is_written_sooner_than_a_lease_is_renewed(
    stream: StreamOfTests, operator: Operator
) -> None:
    cut = CutOff(SqliteLeases(stream.file))
    intake, rarely = RecordingIntake(), replace(FAST, period=600, renew=200, discover=600)
    await Load(operator, stream.name).publish(1)
    async with reading(stream.source(cut, rarely), intake):
        await intake.until(20)
        for _ in range(3):
            before = cut.writes
            intake.settle(count=1)
            await until(lambda before=before: cut.writes > before, 20)  # type: ignore[misc]


async def test_a_replica_that_falls_silent_is_taken_over_and_nothing_is_lost(
    four_shards: StreamOfTests, operator: Operator
) -> None:
    load = Load(operator, four_shards.name, keys=40)
    cut = CutOff(SqliteLeases(four_shards.file))
    dying, heir = SettlingIntake(), SettlingIntake()
    async with reading(four_shards.source(cut, FAILOVER), dying) as dead:
        await load.publish(5)
        await dying.until(200)
        dying.settling = False
        await load.publish(5)
        await dying.until(400)
        await until(lambda: len(dying.unsettled) == 200)
        cut.cut = True
        await dead.stop_reading()
        lost = records(dying.unsettled)
        async with reading(four_shards.source(timing=FAILOVER), heir):
            await until(lambda: lost <= records(heir.deliveries), 20)
            for one in dying.unsettled:
                one.settle(Outcome.DELIVERED)  # far too late, and ignored
            await load.publish(1)
            await until(lambda: not load.missing([*dying.deliveries, *heir.deliveries]), 20)
    assert_in_order(heir.deliveries)


def records(deliveries: Iterable[Delivery]) -> set[tuple[object, int]]:
    return {(one.key, int(one.event.data or b"")) for one in deliveries}


async def test_a_replica_without_its_lease_store_stops_before_others_begin(
    stream: StreamOfTests, operator: Operator
) -> None:
    load = Load(operator, stream.name)
    cut = CutOff(SqliteLeases(stream.file))
    lonely, heir = SettlingIntake(), SettlingIntake()
    async with reading(stream.source(cut, FAILOVER), lonely, fails=True):
        await load.publish(1)
        await lonely.until(20)
        cut.cut = True
        async with reading(stream.source(timing=FAILOVER), heir):
            while not heir.deliveries:
                await load.publish(1)
                await asyncio.sleep(0.05)  # the pace of the load
            read = len(lonely.deliveries)
            await load.publish(3)
            await until(lambda: not load.missing([*lonely.deliveries, *heir.deliveries]), 20)
            assert len(lonely.deliveries) == read
    assert_in_order(heir.deliveries)


async def test_a_killed_process_is_taken_over_and_nothing_is_lost(
    four_shards: StreamOfTests, operator: Operator, tmp_path: Path
) -> None:
    load = Load(operator, four_shards.name, keys=40)
    process = Process(four_shards, str(four_shards.file), tmp_path / "settled")
    heir = SettlingIntake()
    async with process.running():
        await load.publish(5)
        await until(lambda: len(process.settled()) >= 100, timeout=50)
        await process.kill()
    await load.publish(5)
    async with reading(four_shards.source(timing=FAILOVER), heir):
        await until(lambda: not load.missing(heir.deliveries) - set(process.settled()), timeout=50)
    assert_in_order(heir.deliveries)


async def test_replicas_share_a_dynamodb_table(
    four_shards: StreamOfTests, operator: Operator, tables: DynamoDbServer
) -> None:
    load = Load(operator, four_shards.name, keys=40)
    one, other = SettlingIntake(), SettlingIntake()
    store = await lease_table(tables)
    async with (
        reading(four_shards.source(store()), one),
        reading(four_shards.source(store()), other),
    ):
        while not (len({d.partition for d in other.deliveries}) >= 2 and one.deliveries):
            await load.publish(1)
            await asyncio.sleep(0.1)  # the pace of the load
        await until(lambda: not load.missing([*one.deliveries, *other.deliveries]), 20)
    both = [*one.deliveries, *other.deliveries]
    assert len({d.event.id for d in both}) == len(both)
