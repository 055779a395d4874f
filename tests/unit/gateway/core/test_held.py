"""A delivery is held in one place, and leaves it with one outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.core.delivery import Delivery, Outcome
from gateway.core.guard import Guard
from gateway.core.held import Held
from gateway.core.progress import Progress
from gateway.core.route import Limits
from tests.support.events import delivery, subscription
from tidegate.api.subscription import Ordering

pytestmark = pytest.mark.looptime


class Holding:
    """What is held for a subscription with an order, and a worker that sits at what it takes."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.calls_for_work = 0
        ordered = subscription(ordering=Ordering.KEY)
        guard = Guard(ordered, self.progress, Limits().breaker, self._work_on)
        self.held = Held(ordered, self.progress, Limits(), guard, self._work_on)
        self.worker = asyncio.create_task(self._sit())

    async def _sit(self) -> None:
        await asyncio.Event().wait()

    def _work_on(self) -> None:
        self.calls_for_work += 1

    def queue(self, *deliveries: Delivery) -> None:
        """Take in what a source pushed."""
        for one in deliveries:
            self.progress.books.received += 1
            self.held.allowance.take(one.size)
            self.held.lanes.enter(one)

    def take(self) -> Delivery:
        """Have the worker take what is ready."""
        one = self.held.lanes.take()
        assert one is not None
        self.held.active[one] = self.worker
        return one

    def outcomes(self) -> dict[str, int]:
        assert self.progress.books.drift == 0
        return {kind.value: n for kind, n in self.progress.books.outcomes.items() if n}


@pytest.fixture
async def holding() -> AsyncIterator[Holding]:
    one = Holding()
    yield one
    one.worker.cancel()
    await asyncio.wait({one.worker})


async def test_it_is_counted_once_wherever_it_is(holding: Holding) -> None:
    holding.queue(delivery("1"))
    assert holding.progress.books.in_flight == 1
    one = holding.take()
    assert holding.progress.books.in_flight == 1
    holding.held.wait(one, 5, holding.held.again)
    assert holding.progress.books.in_flight == 1
    holding.held.again(one)
    assert holding.progress.books.in_flight == 1
    holding.held.park(holding.take())
    assert holding.progress.books.in_flight == 1
    assert holding.outcomes() == {}


async def test_its_end_lets_its_successor_go(holding: Holding) -> None:
    holding.queue(delivery("1", key="k"), delivery("2", key="k"))
    first = holding.take()
    assert not holding.held.lanes.ready
    holding.held.end(first, Outcome.DELIVERED)
    assert holding.take().event.id == "2"
    assert holding.outcomes() == {"delivered": 1}


async def test_what_rested_long_enough_calls_for_work(holding: Holding) -> None:
    holding.queue(delivery("1"))
    holding.held.wait(holding.take(), 5, holding.held.again)
    await asyncio.sleep(6)
    assert holding.calls_for_work == 1
    assert holding.take().event.id == "1"


async def test_cancelling_what_has_ended_leaves_no_mark(holding: Holding) -> None:
    holding.queue(delivery("1"))
    one = holding.take()
    holding.held.end(one, Outcome.DELIVERED)
    holding.held.cancel(one)
    assert not holding.held.cancelled
    assert holding.outcomes() == {"delivered": 1}


async def test_its_end_takes_its_marks_away(holding: Holding) -> None:
    holding.queue(delivery("1"))
    one = holding.take()
    holding.held.condemned.add(one)
    holding.held.recall([one])
    holding.held.cancel(one)
    holding.held.end(one, Outcome.DROPPED)
    assert not (holding.held.condemned or holding.held.recalled or holding.held.cancelled)


async def test_what_is_recalled_goes_back_unless_a_worker_is_at_it(holding: Holding) -> None:
    parked, active, queued = (delivery(id, key=id) for id in ("parked", "active", "queued"))
    holding.queue(parked, active, queued)
    holding.held.park(holding.take())
    holding.take()
    holding.held.recall([parked, active, queued])
    assert holding.held.recalled == {active}
    assert holding.outcomes() == {"released": 2}


@pytest.mark.parametrize(("redelivers", "released"), [(False, 1), (True, 3)])
async def test_a_drain_keeps_what_would_not_come_again(
    holding: Holding, redelivers: bool, released: int
) -> None:
    holding.queue(*(delivery(id, key=id) for id in ("parked", "waiting", "active", "queued")))
    holding.held.park(holding.take())
    holding.held.wait(holding.take(), 60, holding.held.again)
    holding.take()
    holding.held.drain(redelivers=redelivers)
    assert holding.outcomes() == {"released": released}


async def test_it_is_empty_when_the_last_one_has_ended(holding: Holding) -> None:
    holding.queue(delivery("1"), delivery("2", key="k"))
    first, last = holding.take(), holding.take()
    emptied = asyncio.create_task(holding.held.empty())
    holding.held.end(first, Outcome.DELIVERED)
    await asyncio.sleep(1)
    assert not emptied.done()
    holding.held.end(last, Outcome.DELIVERED)
    async with asyncio.timeout(5):
        await emptied


async def test_nothing_is_left_where_all_is_released(holding: Holding) -> None:
    holding.queue(*(delivery(id, key=id) for id in ("parked", "active", "queued")))
    holding.held.park(holding.take())
    holding.take()
    holding.held.release_all()
    assert holding.outcomes() == {"released": 3}
    assert holding.progress.books.in_flight == 0
