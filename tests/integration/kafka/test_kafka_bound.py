"""What has ended and is not committed is bounded: the source waits there, says so, and goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.sources.kafka.partition import NOTHING
from tests.fakes.kafka_broker import TansuBroker
from tests.integration.kafka.bench import PATIENCE, Bench, Reader
from tests.support.waiting import until

BOUND = 20


@asynccontextmanager
async def reading(
    folder: Path, events: int, interval: float = 0.05
) -> AsyncIterator[tuple[TansuBroker, Reader]]:
    """Read a topic of `events` records, with `BOUND` in flight, from a broker of one's own."""
    async with TansuBroker(folder) as broker:
        bench = Bench(broker)
        bench.settings = replace(bench.settings, request_timeout=0.3, commit_interval=interval)
        await bench.create()
        await bench.publish(events)
        async with bench.reading(BOUND) as reader:
            await reader.until(BOUND)
            yield broker, reader


async def test_nothing_is_read_at_the_bound_while_commits_fail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway")
    async with reading(tmp_path, 60) as (broker, reader):
        intake = reader.intake
        broker.freeze()
        intake.settle()
        await until(lambda: intake.trouble, timeout=PATIENCE)
        assert intake.uncommitted_count == BOUND == len(intake.deliveries)
        assert "meanwhile no more is read than may be in flight" in caplog.text
        broker.thaw()
        await reader.until(2 * BOUND)
        assert "offsets are committed again" in caplog.text
        intake.settle()
        await reader.until(60)
        intake.settle()
        await until(lambda: not intake.uncommitted_count, timeout=PATIENCE)
        assert not intake.trouble
        assert caplog.text.count("trying again until it is written") <= 2


async def test_half_of_the_bound_is_committed_before_the_interval_is_over(tmp_path: Path) -> None:
    async with reading(tmp_path, 60, interval=3600.0) as (_, reader):
        intake, assignment = reader.intake, reader.source._assignment
        # Where a new group begins is committed first; the interval begins with that.
        partitions = assignment._held.values()
        await until(lambda: all(one.stored != NOTHING for one in partitions), timeout=PATIENCE)
        intake.settle(count=BOUND // 2 - 1)
        assert intake.uncommitted_count == BOUND // 2 - 1
        intake.settle(count=1)
        await until(lambda: not intake.uncommitted_count, timeout=PATIENCE)
        await reader.until(BOUND + BOUND // 2)
