"""Workers are members of one Kafka group: they share its partitions, and inherit them."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.progress import State
from gateway.settings import KafkaSettings
from gateway.workers.settings import FleetSettings
from tests.fakes.function_server import FunctionServer, function_server
from tests.integration.kafka.bench import Bench
from tests.integration.workers.fleet import Running, running_fleet, settings
from tests.support.kafka import apache_kafka
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, KafkaTopic, Ordering, Subscription

PARTITIONS = 4
PATIENCE = 60.0
ROUND = 100


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A broker with a topic of several partitions."""
    async with apache_kafka(tmp_path / "kafka") as broker:
        one = Bench(broker)
        await one.create(PARTITIONS)
        yield one


async def publish(bench: Bench, first: int) -> None:
    """Publish one round of records, spread over the partitions."""
    share = ROUND // PARTITIONS
    for partition in range(PARTITIONS):
        await bench.publish(share, first + partition * share, partition)


def missing(function: FunctionServer, count: int) -> set[int]:
    """Return the numbers that the function has not seen."""
    return set(range(count)) - {int(one.body) for one in function.seen}


@pytest.mark.timeout(180)
async def test_two_workers_share_the_partitions_and_one_inherits_those_of_the_other(
    bench: Bench, tmp_path: Path
) -> None:
    # By these times alone a group that lost a member would stand still longer than the test.
    patient = KafkaSettings(
        brokers=(bench.broker.address,), session_timeout=600.0, revoke_timeout=600.0
    )
    source = KafkaTopic(bench.topic, bench.group)
    policy = DeliveryPolicy(ordering=Ordering.KEY)
    one = Subscription("default", "KafkaTrigger", "orders", "hello", source, policy=policy)
    more = replace(settings(tmp_path), kafka=patient)
    care = FleetSettings(2, tmp_path / "ledger.sqlite")
    async with (
        function_server() as function,
        running_fleet(care, [one], function.address, more=more) as running,
    ):
        await running.serving()
        await until(lambda: running.progress().state is State.RUNNING, PATIENCE)
        first = 0
        while not all(row["received"] for row in running.fleet.workers()):
            assert first < 50 * ROUND, "one worker got no partition"
            await publish(bench, first)
            first += ROUND
            await until(lambda n=first: not missing(function, n), PATIENCE)  # type: ignore[misc]  # bound now
        os.kill(running.pids()[0], signal.SIGKILL)
        await publish(bench, first)
        await until(lambda: not missing(function, first + ROUND), PATIENCE)
        await settled(running)


async def settled(running: Running) -> None:
    """Wait until nothing is in flight; the books must balance."""
    await until(lambda: running.progress().books.in_flight == 0, PATIENCE)
    assert running.progress().books.drift == 0
