"""A source that stops keeps its leases until it closes, whatever was going on with them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from gateway.core.lease import Change
from gateway.stores.memory_leases import MemoryLeases
from tests.conformance.harness import Reading
from tests.support.kinesis import FAST, SettlingIntake, StreamOfTests, reading
from tests.support.load import Load
from tests.support.waiting import until

Stop = Callable[[Reading, "SlowToAnswer"], Awaitable[None]]

UNHURRIED = replace(FAST, period=120)
"""Nobody gives the store up while the test lets it wait."""


class SlowToAnswer(MemoryLeases):
    """Leases whose first writer, which takes one, hears of it when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.taking, self.answers = asyncio.Event(), asyncio.Event()

    async def replace(self, group: str, changes: Sequence[Change]) -> list[bool]:
        written = await super().replace(group, changes)
        self.writes += 1
        self.taking.set()
        await self.answers.wait()
        return written


async def stopped_before_the_answer(one: Reading, leases: SlowToAnswer) -> None:
    await one.stop_reading()
    leases.answers.set()


async def stopped_with_the_answer(one: Reading, leases: SlowToAnswer) -> None:
    one.task.cancel()
    leases.answers.set()
    await one.stop_reading()


@pytest.mark.parametrize("stop", [stopped_before_the_answer, stopped_with_the_answer])
async def test_a_source_that_stops_as_it_takes_a_lease_keeps_it_until_it_closes(
    stream: StreamOfTests, load: Load, caplog: pytest.LogCaptureFixture, stop: Stop
) -> None:
    leases, heir = SlowToAnswer(), SettlingIntake()
    await load.publish(1)
    async with reading(stream.source(leases, UNHURRIED)) as one:
        async with asyncio.timeout(30):
            await leases.taking.wait()
        await stop(one, leases)
        await until(lambda: leases.writes >= 3, timeout=30)  # its renewals, while it drains
    gc.collect()  # what was begun and never awaited would show
    assert not caplog.records
    async with reading(stream.source(leases, UNHURRIED), heir):
        await heir.until(20)  # at once: the lease was given back


class Defective(MemoryLeases):
    """Leases that are written until the test wants that to fail as no store should."""

    def __init__(self) -> None:
        super().__init__()
        self.breaks, self.broke = False, asyncio.Event()

    async def replace(self, group: str, changes: Sequence[Change]) -> list[bool]:
        if self.breaks:
            self.breaks = False
            self.broke.set()
            raise AssertionError("a defect")
        return await super().replace(group, changes)


async def test_a_defect_in_keeping_leases_is_shown_with_the_place_where_it_is(
    stream: StreamOfTests, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    leases, intake = Defective(), SettlingIntake()
    await load.publish(1)
    async with reading(stream.source(leases), intake) as one:
        await intake.until(20)
        await one.stop_reading()
        leases.breaks = True
        async with asyncio.timeout(30):
            await leases.broke.wait()
    (told,) = caplog.records
    assert told.getMessage().endswith("leases were not kept to the end: a defect")
    assert told.exc_info is not None
