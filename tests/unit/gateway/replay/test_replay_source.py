"""A log as a source: bounded by credit and rate, marked, and over when everything has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from gateway.core.delivery import Delivery, Outcome
from gateway.replay.log import Entry
from gateway.replay.pace import Pace
from gateway.replay.source import MARK, ReplaySource
from tests.support.events import event
from tests.support.intake import RecordingIntake
from tests.support.waiting import until


class ListedLog:
    """A log of pages that a test has written."""

    total = None

    def __init__(self, pages: Sequence[Sequence[str]]) -> None:
        self._pages = pages
        self.passed = 0

    async def pages(self) -> AsyncGenerator[Sequence[Entry], None]:
        for page in self._pages:
            self.passed += 1
            yield [Entry(event(id, extensions={"tenant": "t"}), id, "key", "part") for id in page]


class Reading:
    """A source that reads such a log, and what it has told."""

    def __init__(self, *pages: Sequence[str], credit: int = 100) -> None:
        self.log, self.intake = ListedLog(pages), RecordingIntake(credit)
        self.settled: list[str] = []
        self.source = ReplaySource(
            self.log, "replay-1", Pace(0), lambda _: None, lambda one, _: self._note(one)
        )
        self.task = asyncio.create_task(self.source.run(self.intake))

    def _note(self, delivery: Delivery) -> None:
        self.settled.append(delivery.event.id)

    def ids(self) -> list[str]:
        """Return what was pushed."""
        return [one.event.id for one in self.intake.deliveries]


async def turns() -> None:
    """Let the loop do all that it has to do now."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_events_are_marked_and_keep_what_they_have() -> None:
    reading = Reading(["a"])
    (one,) = await reading.intake.until(1, 10)
    assert one.event.extensions == {"tenant": "t", MARK: "replay-1"}
    assert (one.event.id, one.key, one.partition) == ("a", "key", "part")
    one.settle(Outcome.DELIVERED)
    await reading.task


async def test_it_ends_when_the_last_event_has_ended() -> None:
    reading = Reading(["a", "b"])
    first, last = await reading.intake.until(2, 10)
    last.settle(Outcome.DELIVERED)
    await turns()
    assert not reading.task.done()
    first.settle(Outcome.DROPPED)
    await reading.task
    assert reading.settled == ["b", "a"]


async def test_no_page_is_read_ahead_of_the_credit() -> None:
    reading = Reading(["a", "b"], ["c"], credit=1)
    await reading.intake.until(1, 10)
    await turns()
    assert (reading.ids(), reading.log.passed) == (["a"], 1)
    for count in (2, 3):
        reading.intake.settle()
        await reading.intake.until(count, 10)
    reading.intake.settle()
    await reading.task


async def test_what_follows_an_empty_page_does_not_overtake_what_came_before() -> None:
    reading = Reading(["a"], [], ["b"])
    (first,) = await reading.intake.until(1, 10)
    await turns()
    assert reading.ids() == ["a"]
    first.settle(Outcome.DELIVERED)
    (_, last) = await reading.intake.until(2, 10)
    last.settle(Outcome.DELIVERED)
    await until(reading.task.done, timeout=10)
