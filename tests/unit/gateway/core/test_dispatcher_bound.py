"""A source that writes later than events end: the dispatcher hands out no more than the bound."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.core.delivery import Delivery, Outcome
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.core.source import Intake
from gateway.server.admin import row
from gateway.sinks.memory import MemorySink
from gateway.sources.memory import MemoryLog, MemorySource
from tests.support.background import at_work
from tests.support.clock import rest
from tests.support.events import event, subscription

pytestmark = pytest.mark.looptime

BOUND = 8


class LateSource(MemorySource):
    """Writes what has ended only when it is told to."""

    owed = 0
    told = False

    async def run(self, intake: Intake) -> None:
        self.intake = intake
        await super().run(intake)

    def _settled(self, delivery: Delivery) -> None:
        super()._settled(delivery)
        if delivery.outcome is not Outcome.RELEASED:
            self.owed += 1
            self.told = self.intake.uncommitted(1)

    def write(self) -> None:
        """Write everything."""
        owed, self.owed = self.owed, 0
        self.intake.uncommitted(-owed)


@asynccontextmanager
async def dispatching(events: int) -> AsyncIterator[tuple[LateSource, MemorySink, Progress]]:
    log = MemoryLog()
    for number in range(events):
        log.append(event(str(number)), str(number))
    source, sink, progress = LateSource(log), MemorySink(), Progress()
    limits = Limits(events=BOUND)
    dispatcher = Dispatcher(subscription(), Route(source, sink), progress, limits)
    async with at_work(dispatcher):
        yield source, sink, progress


async def test_nothing_is_handed_out_beyond_the_bound_until_it_is_written() -> None:
    async with dispatching(20) as (source, sink, progress):
        await sink.until(BOUND)
        await rest()
        assert sink.taken == BOUND
        assert (progress.books.in_flight, progress.uncommitted) == (0, BOUND)
        source.write()
        await sink.until(2 * BOUND)
        await rest()
        source.write()
        await sink.until(20)
    assert progress.books.drift == 0


async def test_the_source_is_told_when_half_of_the_bound_waits() -> None:
    async with dispatching(BOUND // 2 - 1) as (source, sink, _):
        await sink.until(BOUND // 2 - 1)
        assert not source.told
    async with dispatching(BOUND // 2) as (source, sink, _):
        await sink.until(BOUND // 2)
        assert source.told


async def test_what_cannot_be_written_is_shown_until_the_source_ends() -> None:
    async with dispatching(3) as (source, sink, progress):
        await sink.until(3)
        source.intake.unwritable("the brokers are away")
        shown = row(subscription(), progress)
        assert shown["uncommitted"] == 3
        assert shown["reason"] == "3 ended and not committed: the brokers are away"
    assert (progress.uncommitted, progress.unwritable) == (0, "")
