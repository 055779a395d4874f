"""Where a group begins, and where it goes on when records are gone."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete

from gateway.errors import ConfigError, SourceUnavailable
from tests.fakes.kafka_broker import AdminClient
from tests.fakes.ports import free_port
from tests.integration.kafka.bench import PATIENCE, Bench, unique


@pytest.mark.regression("aiokafka: a new group begins behind what is there")
async def test_a_new_group_begins_with_the_earliest(bench: Bench) -> None:
    await bench.create(partitions=2)
    await bench.publish(20)
    async with bench.reading() as reader:
        await reader.until(20)
        reader.intake.settle()


async def test_latest_is_pinned_when_it_is_first_read(bench: Bench) -> None:
    await bench.create()
    await bench.publish(5)
    async with bench.reading(start="latest"):
        await bench.until_stored(lambda stored: stored.get(0) == (5, ""))
    await bench.publish(2, first=5)
    async with bench.reading(start="latest") as second:
        await second.until(2)
        assert second.offsets() == [5, 6]
        second.intake.settle()


async def test_a_group_may_begin_at_a_time(bench: Bench) -> None:
    await bench.create()
    now = int(time.time() * 1000)
    await bench.publish(3, timestamp_ms=now - 3_600_000)
    await bench.publish(3, first=3, timestamp_ms=now)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now / 1000 - 60))
    async with bench.reading(start="timestamp", start_time=at) as reader:
        await reader.until(3)
        assert reader.offsets() == [3, 4, 5]
        reader.intake.settle()


async def test_a_partition_that_comes_later_is_read_from_its_beginning(bench: Bench) -> None:
    await bench.create()
    await bench.publish(3)
    async with bench.reading(start="latest") as reader:
        await bench.until_stored(lambda stored: stored.get(0) == (3, ""))
        await add_partition(bench)
        await bench.publish(4, partition=1)
        await reader.until(4)
        assert reader.offsets() == [0, 1, 2, 3]
        reader.intake.settle()


async def add_partition(bench: Bench) -> None:
    """Give the topic a second partition, and wait until the broker tells of it."""
    async with AdminClient(bench.broker.address) as admin, asyncio.timeout(PATIENCE):
        await admin.create_partitions({bench.topic: NewPartitions(2)})
        while len((await admin.describe_topics([bench.topic]))[0]["partitions"]) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # what is watched has no event


async def test_records_that_are_gone_are_passed_over_and_counted(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await lose_records(bench)
    async with bench.reading() as reader:
        await reader.until(4)
        assert reader.offsets() == [6, 7, 8, 9]
        assert "4 records were lost" in caplog.text
        reader.intake.settle()
        await bench.until_stored(lambda stored: stored[0] == (10, ""))


async def test_records_that_are_gone_end_a_trigger_that_says_fail(bench: Bench) -> None:
    await lose_records(bench)
    async with bench.reading(out_of_range="fail") as reader:
        error = await reader.failure()
        assert isinstance(error, ConfigError)
        assert "offset 2 of" in str(error)
        assert "onOffsetOutOfRange" in str(error)


async def lose_records(bench: Bench) -> None:
    """Have a group at offset 2, and the log begin at 6."""
    await bench.create()
    await bench.publish(10)
    async with bench.reading() as reader:
        await reader.until(10)
        reader.intake.settle(count=2)
    async with AdminClient(bench.broker.address) as admin:
        await admin.delete_records({TopicPartition(bench.topic, 0): RecordsToDelete(6)})


async def test_topics_of_a_pattern_are_found_also_later(bench: Bench) -> None:
    stem = unique("many")
    bench.topic = f"{stem}.one"
    await bench.create()
    await bench.publish(2)
    async with bench.reading(topic="", pattern=f"{stem}\\.(one|two)") as reader:
        await reader.until(2)
        reader.intake.settle()
        for topic in (f"{stem}.two", f"{stem}.twofold"):
            bench.topic = topic
            await bench.create()
            await bench.publish(2)
        deliveries = await reader.until(4)
        assert {one.event.source for one in deliveries} == {
            f"kafka:{stem}.one",
            f"kafka:{stem}.two",
        }
        reader.intake.settle()


@pytest.mark.regression("aiokafka: every rebalance revokes all, also what comes back at once")
@pytest.mark.regression("Fission: the end of a claim is read as a message without content")
async def test_what_is_in_flight_stays_ours_over_a_rebalance(bench: Bench) -> None:
    """Guards: every rebalance revokes everything, also what comes back at once."""
    bench.settings = replace(bench.settings, revoke_timeout=0.3)
    stem = unique("many")
    bench.topic = f"{stem}.one"
    await bench.create()
    await bench.publish(10)
    async with bench.reading(topic="", pattern=f"{stem}\\..*") as reader:
        await reader.until(10)
        reader.intake.settle(count=4)
        reader.intake.busy = True
        bench.topic = f"{stem}.two"
        await bench.create()
        await bench.publish(3)
        deliveries = await reader.until(13)
        assert len({one.event.id for one in deliveries}) == len(deliveries) == 13
        reader.intake.settle()
        await bench.publish(1, first=3)
        assert len(await reader.until(14)) == 14
        reader.intake.settle()


async def test_a_topic_that_is_not_there_is_said(bench: Bench) -> None:
    async with bench.reading() as reader:
        error = await reader.failure()
        assert isinstance(error, SourceUnavailable)
        assert f"no topic {bench.topic}; create it" in str(error)


async def test_a_topic_that_is_deleted_is_said(bench: Bench) -> None:
    await bench.create()
    await bench.publish(1)
    async with bench.reading() as reader:
        await reader.until(1)
        reader.intake.settle()
        async with AdminClient(bench.broker.address) as admin:
            await admin.delete_topics([bench.topic])
        error = await reader.failure()
        assert isinstance(error, SourceUnavailable)
        assert f"no topic {bench.topic}" in str(error)


async def test_brokers_that_are_not_there_are_said(bench: Bench) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with bench.reading(brokers=(address,)) as reader:
        error = await reader.failure()
        assert isinstance(error, SourceUnavailable)
        assert f"connecting to {address}" in str(error)
