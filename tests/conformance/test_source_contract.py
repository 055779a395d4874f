"""What every source promises, run against each through its harness."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.core.delivery import Outcome
from gateway.registry import SOURCES
from tests.conformance.harness import SourceHarness
from tests.conformance.harnesses import HARNESSES, ApacheKafkaHarness
from tests.conformance.kinesis_harness import KinesisHarness
from tests.fakes.aws_emulator import Emulators
from tests.fakes.kafka_broker import ApacheKafka
from tests.support.kafka import apache_kafka
from tests.support.kinesis import streams_of
from tests.support.waiting import until

BUILT_IN = {*SOURCES, "memory"}

ESSENTIAL = frozenset(
    {
        "test_everything_published_arrives_once",
        "test_what_was_settled_does_not_come_again",
        "test_what_was_released_comes_again_with_the_same_id",
        "test_one_key_arrives_in_the_order_of_publishing",
        "test_what_has_ended_counts_until_it_is_written",
    }
)
"""What also the brokers that take their time show in every run; the slow lane has the rest."""

LIMIT = 180
"""Seconds for a test of theirs; the first one waits for the broker."""


def test_every_registered_source_has_a_harness() -> None:
    assert {name.split()[0] for name in HARNESSES} == BUILT_IN


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on every harness whose broker has the notions that the test needs."""
    if "made" in metafunc.fixturenames:
        left_out = [] if metafunc.function.__name__ in ESSENTIAL else [pytest.mark.slow]
        needed = {mark.args[0] for mark in metafunc.definition.iter_markers("needs")}
        able = [
            pytest.param(name, marks=[pytest.mark.timeout(LIMIT), *left_out] if one.slow else [])
            for name, one in HARNESSES.items()
            if not needed & one.cannot
        ]
        metafunc.parametrize("made", able, indirect=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def apache(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApacheKafka]:
    """A broker that takes seconds to start, for all tests that want it."""
    async with apache_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def made(request: pytest.FixtureRequest, emulators: Emulators, tmp_path: Path) -> SourceHarness:
    """The harness, with what it shares with others."""
    one = HARNESSES[request.param](tmp_path)
    if isinstance(one, KinesisHarness):
        one.server = streams_of(emulators, one.emulator)
    if isinstance(one, ApacheKafkaHarness):
        one.broker = request.getfixturevalue("apache")
    return one


@pytest.fixture
async def harness(made: SourceHarness) -> AsyncIterator[SourceHarness]:
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_it_opens_says_that_it_lives_and_closes_twice(harness: SourceHarness) -> None:
    async with harness.reading() as reading:
        assert reading.intake.polls
        await reading.stop()


async def test_everything_published_arrives_once(harness: SourceHarness) -> None:
    async with harness.reading() as reading:
        await harness.publish(30)
        deliveries = await reading.intake.until(30)
        reading.intake.settle()
        assert len({one.event.id for one in deliveries}) == 30


@pytest.mark.needs("redeliver")
async def test_what_was_settled_does_not_come_again(harness: SourceHarness) -> None:
    async with harness.reading() as first:
        await harness.publish(10)
        await first.intake.until(10)
        first.intake.settle()
    async with harness.reading() as second:
        await harness.publish(1)
        deliveries = await second.intake.until(1)
        assert {one.event.id for one in deliveries}.isdisjoint(
            one.event.id for one in first.intake.deliveries
        )
        second.intake.settle()


@pytest.mark.needs("redeliver")
@pytest.mark.regression("OpenFaaS: the queue worker acknowledges whatever came of the call")
async def test_what_was_released_comes_again_with_the_same_id(harness: SourceHarness) -> None:
    async with harness.reading() as first:
        await harness.publish(5)
        await first.intake.until(5)
        await first.stop_reading()
        first.intake.settle(Outcome.RELEASED)
    async with harness.reading() as second:
        again = await second.intake.until(5)
        second.intake.settle()
    ids = [{one.event.id for one in reading} for reading in (first.intake.deliveries, again)]
    assert ids[0] == ids[1]


async def test_what_has_ended_counts_until_it_is_written(harness: SourceHarness) -> None:
    async with harness.reading() as reading:
        await harness.publish(10)
        await reading.intake.until(10)
        reading.intake.settle()
        await until(lambda: not reading.intake.uncommitted_count, timeout=30)


@pytest.mark.needs("crash")
@pytest.mark.regression("Argo Events: delivers at most once unless told otherwise")
async def test_what_was_unsettled_survives_a_crash(harness: SourceHarness) -> None:
    async with harness.reading() as first:
        await harness.publish(5)
        await first.intake.until(5)
        await harness.crash(first)
        lost = {one.event.id for one in first.intake.deliveries}
    async with harness.reading() as second:
        again = await second.intake.until(5, timeout=30)
        assert {one.event.id for one in again} == lost
        second.intake.settle()


@pytest.mark.needs("crash")
@pytest.mark.regression("Kubeless: marks an offset before it looks at what came of the event")
@pytest.mark.regression("Nuclio: a success moves the offset past a failure before it")
@pytest.mark.regression("Dapr: after the last retry the next success commits past the failure")
async def test_nothing_is_committed_past_the_oldest_unsettled(harness: SourceHarness) -> None:
    async with harness.reading() as first:
        await harness.publish(10)
        deliveries = await first.intake.until(10)
        for one in deliveries[1:]:
            one.settle(Outcome.DELIVERED)
        await first.stop_reading()
        oldest = deliveries[0].event.id
        deliveries[0].settle(Outcome.RELEASED)
    async with harness.reading() as second:
        again = await second.intake.until(1)
        assert oldest in {one.event.id for one in again}
        second.intake.settle()


@pytest.mark.needs("order")
async def test_one_key_arrives_in_the_order_of_publishing(harness: SourceHarness) -> None:
    async with harness.reading() as reading:
        await harness.publish(60, keys=("a", "b", "c"))
        deliveries = await reading.intake.until(60)
        reading.intake.settle()
    per_key: dict[object, list[int]] = defaultdict(list)
    for position, one in enumerate(deliveries):
        per_key[one.key].append(position)
    assert len(per_key) == 3
    ids = [one.event.id for one in deliveries]
    assert ids == sorted(ids, key=lambda id: (len(id), id))


@pytest.mark.needs("pause")
async def test_no_more_than_the_credit_is_out_at_once(harness: SourceHarness) -> None:
    async with harness.reading(credit=5) as reading:
        await harness.publish(40)
        seen = 0
        while seen < 40:
            await reading.intake.until(min(seen + 5, 40))
            await asyncio.sleep(0.05)  # room to go wrong
            seen = len(reading.intake.deliveries)
            assert len(reading.intake.unsettled) <= 5
            reading.intake.settle()
        assert seen == 40


@pytest.mark.needs("redeliver")
async def test_a_cancelled_read_loses_nothing(harness: SourceHarness) -> None:
    seen: set[str] = set()
    await harness.publish(20)
    while len(seen) < 20:
        async with harness.reading(credit=3) as reading:
            await reading.intake.until(1)
            await reading.stop_reading()
            seen.update(one.event.id for one in reading.intake.deliveries)
            reading.intake.settle()
    assert len(seen) == 20


@pytest.mark.needs("redeliver")
async def test_settlements_after_the_read_is_over_still_count(harness: SourceHarness) -> None:
    async with harness.reading() as first:
        await harness.publish(4)
        await first.intake.until(4)
        await first.stop_reading()
        first.intake.settle()
    async with harness.reading() as second:
        await harness.publish(1)
        assert len(await second.intake.until(1)) == 1
        second.intake.settle()


@pytest.mark.needs("carry rubbish")
async def test_what_cannot_be_decoded_becomes_a_delivery(harness: SourceHarness) -> None:
    async with harness.reading() as reading:
        await harness.publish_rubbish()
        await harness.publish(1)
        await reading.intake.until(2)
        reading.intake.settle()
