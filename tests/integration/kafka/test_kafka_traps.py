"""What the client library would do to a group, to its partitions and to its brokers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from gateway.errors import ConfigError
from gateway.settings import LifecycleSettings, Settings
from tests.fakes.function_server import function_server
from tests.fakes.kafka_broker import TansuBroker
from tests.fakes.ports import free_port
from tests.integration.kafka.bench import PATIENCE, Bench
from tests.support.gateways import running_gateway
from tests.support.waiting import until
from tidegate.api.subscription import KafkaTopic, Subscription

LIBRARYS_LIMIT = 40.0


@pytest.mark.regression("aiokafka: a drain has no more time than a session without heartbeats")
@pytest.mark.regression("aiokafka: a request to join ends before the slowest member has drained")
@pytest.mark.parametrize(
    "drain",
    [
        pytest.param(3.0, id="longer than a session"),
        pytest.param(
            LIBRARYS_LIMIT + 5,
            id="longer than a request",
            marks=[pytest.mark.slow, pytest.mark.timeout(200)],
        ),
    ],
)
async def test_a_long_drain_costs_neither_the_group_nor_a_repeat(
    bench: Bench, caplog: pytest.LogCaptureFixture, drain: float
) -> None:
    bench.settings = replace(bench.settings, session_timeout=2.0, revoke_timeout=drain + PATIENCE)
    await bench.create(partitions=2)
    await bench.publish(5, partition=0)
    await bench.publish(5, partition=1)
    async with bench.reading() as first:
        await first.until(10)
        first.intake.busy = True
        async with bench.reading() as second:
            await until(lambda: "it is rebalancing" in caplog.text, timeout=PATIENCE)
            await asyncio.sleep(drain)  # as long as the function takes
            first.intake.settle()
            await bench.publish(1, first=5, partition=0)
            await bench.publish(1, first=5, partition=1)
            await first.until(11)
            await second.until(1)
            assert [one.event.data for one in second.intake.deliveries] == [b"5"]
            first.intake.settle()
            second.intake.settle()


@pytest.mark.regression("aiokafka: a commit waits behind the request to join, without end")
async def test_what_ends_while_others_drain_is_committed_later(bench: Bench) -> None:
    await bench.create(partitions=2)
    await bench.publish(5, partition=0)
    await bench.publish(5, partition=1)
    async with bench.reading() as slow:
        await slow.until(10)
        slow.intake.settle()
        bench.settings = replace(bench.settings, revoke_timeout=0.3)
        async with bench.reading() as quick:
            await until(lambda: quick.intake.behind is not None, timeout=PATIENCE)
            for partition in (0, 1):
                await bench.publish(5, first=5, partition=partition)
            await slow.until(15)
            await quick.until(5)
            slow.intake.busy = quick.intake.busy = True
            async with bench.reading() as third:
                await until(lambda: quick.source._assignment._between, timeout=PATIENCE)
                quick.intake.settle()
                async with asyncio.timeout(1):  # it asks nothing of the brokers
                    await quick.source._assignment.commit()

                def settle() -> None:
                    for each in (slow, quick, third):
                        each.intake.settle()

                await bench.until_stored(
                    lambda stored: not settle() and {*stored.values()} == {(10, "")}
                )


@pytest.mark.regression("aiokafka: a member without partitions leaves for good after five minutes")
async def test_a_member_without_partitions_takes_over(bench: Bench) -> None:
    await bench.create()
    await bench.publish(3)
    first = bench.start()
    await first.until(3)
    first.intake.settle()
    async with bench.reading() as second:
        await until(lambda: second.intake.polls > 1, timeout=PATIENCE)
        assert not second.intake.deliveries
        await first.close()
        await bench.publish(2, first=3)
        await second.until(2)
        assert second.offsets() == [3, 4]
        second.intake.settle()


@pytest.mark.regression("aiokafka: empties one partition before it looks at the next")
async def test_a_busy_partition_does_not_starve_another(bench: Bench) -> None:
    await bench.create(partitions=2)
    await bench.publish(5000, partition=0)
    await bench.publish(5, partition=1)
    async with bench.reading(credit=20) as reader:

        def other_was_read() -> bool:
            reader.intake.settle()
            return any(one.partition == (bench.topic, 1) for one in reader.intake.deliveries)

        await until(other_was_read, timeout=PATIENCE, every=0)
        assert len(reader.intake.deliveries) < 2500
        reader.intake.settle()


@pytest.mark.regression("aiokafka: a fatal error of the group is told to nobody until one polls")
async def test_a_group_of_others_is_told(bench: Bench) -> None:
    await bench.create()
    other = AIOKafkaConsumer(
        bench.topic,
        bootstrap_servers=bench.broker.address,
        group_id=bench.group,
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
    )
    await other.start()
    try:
        async with bench.reading() as reader:
            error = await reader.failure()
            assert isinstance(error, ConfigError)
            assert f"group {bench.group} does not take us" in str(error)
    finally:
        await other.stop()


@pytest.mark.slow  # a quarter of a minute, spent in waiting for silence
@pytest.mark.regression("aiokafka: never looks for brokers that all have new addresses")
async def test_brokers_that_all_moved_are_found_again(tmp_path: Path) -> None:
    async with TansuBroker(tmp_path) as broker:
        before, after = broker.port, free_port()
        bench = Bench(broker)
        await bench.create()
        await bench.publish(1)
        addresses = tuple(f"127.0.0.1:{port}" for port in (before, after))
        spec = KafkaTopic(bench.topic, bench.group, addresses)
        one = Subscription("default", "KafkaTrigger", "orders", "hello", spec)
        lifecycle = LifecycleSettings(restart_delay=0.1, stall_timeout=3.0)
        async with (
            function_server() as function,
            running_gateway(
                [one],
                {"hello": [function.address]},
                Settings(kafka=bench.settings, lifecycle=lifecycle),
            ) as running,
        ):
            await function.until(1, timeout=PATIENCE)
            await broker.stop()
            broker.port = after
            await broker.start()
            await bench.create()
            await bench.publish(2, value=b"moved")
            await function.until(3, timeout=PATIENCE)
            assert running.progress("orders").restarts
