"""A source that is told to stop stops, at whichever await of its start it is told."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.kafka.bench import PATIENCE, Bench
from tests.support.intake import RecordingIntake
from tests.support.stops import Stopped

MOMENTS = 16
"""Awaits of a start: it connects, looks for its topics, joins, takes over and reads."""


@pytest.mark.regression("aiokafka: a start that is cancelled leaves its connection open")
@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "with the result"])
async def test_a_source_that_is_told_to_stop_in_any_await_of_its_start_stops(
    bench: Bench, late: bool
) -> None:
    await bench.create()
    await bench.publish(3)
    for moment in range(1, MOMENTS):
        source, intake = bench.source(), RecordingIntake()
        work = Stopped(source.run(intake), moment, late=late)
        task = asyncio.create_task(stopped(work))
        await asyncio.wait([task], timeout=PATIENCE)
        assert task.done(), f"stopped in await {moment}, and still reading"
        assert task.cancelled()
        intake.settle()
        async with asyncio.timeout(PATIENCE):
            await source.close()


async def stopped(work: Stopped) -> None:
    await work
