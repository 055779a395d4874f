"""Splits and merges while records flow: in order, nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.delivery import Outcome
from tests.fakes.aws_proxy import AwsProxy
from tests.fakes.kinesis_server import Operator
from tests.support.intake import RecordingIntake
from tests.support.kinesis import FAST, SettlingIntake, StreamOfTests, reading
from tests.support.load import Load, assert_in_order
from tests.support.waiting import until


@pytest.mark.regression("Kubeless: reads one shard and does not follow its split")
async def test_splits_and_merges_under_load_keep_every_record_in_order(
    stream: StreamOfTests, operator: Operator
) -> None:
    load, intake = Load(operator, stream.name), SettlingIntake()
    async with reading(stream.source(), intake):
        async with load.flowing():
            for step in (operator.split, operator.split, operator.merge, operator.split):
                await asyncio.sleep(0.3)  # let records flow in between
                await step(stream.name)
            await asyncio.sleep(0.3)
        await until(lambda: not load.missing(intake.deliveries), timeout=50)
    assert_in_order(intake.deliveries)
    ids = [one.event.id for one in intake.deliveries]
    assert len(ids) == len(set(ids))
    assert len({one.partition for one in intake.deliveries}) >= 5


async def test_a_child_waits_until_its_parent_is_settled(
    stream: StreamOfTests, operator: Operator
) -> None:
    load, intake = Load(operator, stream.name), RecordingIntake()
    await load.publish(2)
    await operator.split(stream.name)
    await load.publish(2)
    async with reading(stream.source(), intake):
        first = await intake.until(40)
        held = first[0]
        for one in first[1:]:
            one.settle(Outcome.DELIVERED)
        polls = intake.polls
        await until(lambda: intake.polls > polls + 2, timeout=10)
        assert len(intake.deliveries) == 40
        held.settle(Outcome.DELIVERED)
        await intake.until(80)
        intake.settle()
    assert_in_order(intake.deliveries)


async def test_a_merged_shard_waits_for_both_parents_on_two_replicas(
    stream: StreamOfTests, operator: Operator
) -> None:
    await operator.split(stream.name)
    load = Load(operator, stream.name)
    one, other = SettlingIntake(), SettlingIntake()
    async with reading(stream.source(), one), reading(stream.source(), other):
        while not (one.deliveries and other.deliveries):
            await load.publish(1)
            await asyncio.sleep(0.1)  # the pace of the load
        await until(lambda: not load.missing([*one.deliveries, *other.deliveries]), timeout=20)
        await until(lambda: not one.unsettled and not other.unsettled)
        one.settling = other.settling = False
        before = load.count
        await load.publish(1)
        await until(lambda: len(one.unsettled) + len(other.unsettled) == 20, timeout=20)
        await operator.merge(stream.name)
        await load.publish(1)
        held = (one.unsettled or other.unsettled)[-1]
        for delivery in [*one.unsettled, *other.unsettled]:
            if delivery is not held:
                delivery.settle(Outcome.DELIVERED)
        polls = one.polls
        await until(lambda: one.polls > polls + 4, timeout=10)
        assert len(one.deliveries) + len(other.deliveries) == before + 20
        held.settle(Outcome.DELIVERED)
        await until(lambda: not load.missing([*one.deliveries, *other.deliveries]), timeout=20)
        one.settle()
        other.settle()


async def test_a_shard_that_ends_while_another_is_looked_into_is_looked_into_as_well(
    proxied: StreamOfTests, proxy: AwsProxy, operator: Operator
) -> None:
    await operator.create("two", 2)
    load, intake = Load(operator, "two"), RecordingIntake()
    await load.publish(1)
    await operator.split("two", 0)
    await operator.split("two", 2)
    await load.publish(1)
    listings = iter([2, 4])

    def edit(answer: dict[str, Any]) -> None:
        """Show one split after the other, as if they happened now."""
        answer["Shards"] = sorted(answer["Shards"], key=lambda one: one["ShardId"])
        answer["Shards"] = answer["Shards"][: next(listings, None)]

    proxy.edits["ListShards"] = edit
    rarely = replace(FAST, discover=600, pace=replace(FAST.pace, idle=2))
    async with reading(replace(proxied, name="two").source(timing=rarely), intake):
        first, second = (f"shardId-00000000000{number}" for number in range(2))
        await intake.until(20)
        settle(intake, first)
        await until(lambda: proxy.calls["ListShards"] == 2, timeout=30)
        settle(intake, second)
        await intake.until(40)
        intake.settle()
    assert_in_order(intake.deliveries)


def settle(intake: RecordingIntake, shard: str) -> None:
    for one in intake.unsettled:
        if one.partition == shard:
            one.settle(Outcome.DELIVERED)


async def test_the_leases_of_finished_shards_say_so_and_a_restart_goes_on(
    stream: StreamOfTests, operator: Operator
) -> None:
    load, intake = Load(operator, stream.name), SettlingIntake()
    await load.publish(1)
    await operator.split(stream.name)
    await load.publish(1)
    async with reading(stream.source(), intake):
        await intake.until(40)
        await until(lambda: not intake.unsettled)
    again = SettlingIntake()
    async with reading(stream.source(), again):
        await load.publish(1)
        await again.until(20)
    assert {one.event.data for one in again.deliveries} == {b"2"}
    assert len({one.partition for one in again.deliveries}) == 2
