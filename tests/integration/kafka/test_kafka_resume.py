"""What is read again after a restart: nothing that had ended."""

from __future__ import annotations

import time
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, TopicPartition

from gateway.core.delivery import Outcome
from gateway.core.resume import decode
from tests.integration.kafka.bench import PATIENCE, Bench
from tests.support.waiting import until


async def test_what_ended_above_an_open_record_is_not_read_again(bench: Bench) -> None:
    await bench.create()
    await bench.publish(300)
    still_open = {0, 7, 50, 51}
    async with bench.reading() as first:
        for one in (await first.until(300))[:200]:
            if int(one.event.extensions["kafkaoffset"]) not in still_open:
                one.settle(Outcome.DELIVERED)
        await bench.until_stored(lambda stored: bool(stored and stored[0][1]))
    async with bench.reading() as second:
        await second.until(104)
        assert second.offsets() == [*sorted(still_open), *range(200, 300)]
        second.intake.settle()
        await bench.until_stored(lambda stored: stored[0] == (300, ""))


async def test_attempts_survive_a_restart(bench: Bench) -> None:
    await bench.create()
    await bench.publish(3)
    async with bench.reading() as first:
        deliveries = await first.until(3)
        deliveries[1].attempts = 4
        deliveries[2].settle(Outcome.DELIVERED)
    async with bench.reading() as second:
        again = await second.until(2)
        assert [one.attempts for one in again] == [0, 4]
        second.intake.settle()


async def test_attempts_of_a_stuck_head_survive_though_nothing_ends(bench: Bench) -> None:
    await bench.create()
    await bench.publish(1)
    async with bench.reading() as first:
        (head,) = await first.until(1)
        head.attempts = 3
        await bench.until_stored(lambda stored: tried(stored, 0) == 3)
        head.attempts = 5
        await bench.until_stored(lambda stored: tried(stored, 0) == 5)


def tried(stored: dict[int, tuple[int, str]], offset: int) -> int:
    """Return how often the group says that the record at `offset` was tried."""
    return decode(*stored[0]).attempts.get(offset, 0) if stored else 0


async def test_the_lag_says_how_old_the_oldest_open_record_is(bench: Bench) -> None:
    await bench.create(partitions=2)
    now = int(time.time() * 1000)
    await bench.publish(1, partition=0, timestamp_ms=now - 3_600_000)
    await bench.publish(1, partition=1, timestamp_ms=now)
    async with bench.reading() as reader:
        await reader.until(2)
        intake = reader.intake
        await until(lambda: 3600 <= (intake.age or 0) < 3700, timeout=PATIENCE)
        intake.settle()
        await until(lambda: (intake.behind, intake.age) == (0, 0.0), timeout=PATIENCE)


async def test_metadata_of_another_client_means_that_nothing_above_is_known(bench: Bench) -> None:
    await bench.create()
    await bench.publish(10)
    other = AIOKafkaConsumer(bootstrap_servers=bench.broker.address, group_id=bench.group)
    await other.start()
    partition = TopicPartition(bench.topic, 0)
    other.assign([partition])
    await other.commit({partition: (4, "from elsewhere")})
    await other.stop()
    async with bench.reading() as reader:
        await reader.until(6)
        assert reader.offsets() == [4, 5, 6, 7, 8, 9]
        reader.intake.settle()


async def test_a_stuck_head_bounds_what_is_read_behind_it(bench: Bench) -> None:
    """Guards: the window between the oldest open record and the newest is bounded."""
    bench.settings = replace(bench.settings, window=200)
    await bench.create()
    await bench.publish(3000)
    async with bench.reading() as reader:
        head = (await reader.until(1))[0]

        def settle_all_but_the_head() -> bool:
            for one in reader.intake.unsettled:
                if one is not head:
                    one.settle(Outcome.DELIVERED)
            return len(reader.intake.deliveries) >= 200

        await until(settle_all_but_the_head, timeout=20)
        await bench.until_stored(lambda stored: bool(stored and stored[0][1]))
        settle_all_but_the_head()
        assert len(reader.intake.deliveries) <= 700
        head.settle(Outcome.DELIVERED)

        def settle_all() -> bool:
            reader.intake.settle()
            return len(reader.intake.deliveries) == 3000

        await until(settle_all, timeout=20)
        assert reader.offsets() == [*range(3000)]
