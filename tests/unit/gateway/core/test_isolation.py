"""One trigger cannot hurt another: what some hold without end leaves the others their own part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.core.budget import Budget
from gateway.core.delivery import Answer, Delivery
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.errors import EventRejected, SinkUnavailable
from gateway.sinks.memory import MemorySink
from gateway.sources.memory import MemoryLog, MemorySource
from tests.support.background import at_work
from tests.support.events import event, subscription
from tests.support.waiting import until
from tidegate.api.subscription import OnExhausted, Ordering

pytestmark = pytest.mark.looptime

KIB = 1024


class Shop:
    """Triggers that share a budget of 64 KiB; each alone may hold as much."""

    def __init__(self) -> None:
        self.budget = Budget(64 * KIB)

    @asynccontextmanager
    async def trigger(
        self,
        name: str,
        log: MemoryLog,
        sink: MemorySink,
        dead: MemorySink | None = None,
        **policy: Any,
    ) -> AsyncIterator[Progress]:
        """Run one trigger for the block."""
        limits = Limits(events=16, bytes=64 * KIB, budget=self.budget)
        progress = Progress()
        route = Route(MemorySource(log), sink, dead)
        dispatcher = Dispatcher(subscription(name, **policy), route, progress, limits)
        async with at_work(dispatcher):
            yield progress
        assert progress.books.drift == 0


def log_of(count: int, size: int) -> MemoryLog:
    """Return a log of `count` events of `size` bytes."""
    log = MemoryLog()
    for number in range(count):
        log.append(event(str(number), data=b"x" * size))
    return log


async def reject(_: Delivery) -> Answer | None:
    raise EventRejected("poison")


async def test_events_that_others_park_leave_a_trigger_its_part() -> None:
    shop = Shop()
    poison, orders = log_of(1000, 8 * KIB), log_of(200, 100)
    async with (
        shop.trigger("poison", poison, MemorySink(reject)) as parking,
        shop.trigger("more-poison", poison, MemorySink(reject)) as parking_too,
    ):
        await until(lambda: shop.budget.spent)
        await until(lambda: parking.parked + parking_too.parked >= 8)
        sink = MemorySink()
        async with shop.trigger("orders", orders, sink), asyncio.timeout(60):
            await sink.until(200)
        assert shop.budget.spent, "nothing was let go for it"


async def test_a_trigger_of_large_events_still_gets_one_at_a_time() -> None:
    shop = Shop()
    most = 0

    async def watch(_: Delivery) -> Answer | None:
        nonlocal most
        most = max(most, shop.budget.used - before)
        return None

    async with shop.trigger("poison", log_of(1000, 8 * KIB), MemorySink(reject)):
        await until(lambda: shop.budget.spent)
        before = shop.budget.used
        sink = MemorySink(watch)
        async with shop.trigger("orders", log_of(20, 8 * KIB), sink), asyncio.timeout(60):
            await sink.until(20)
    assert most < 9 * KIB


@pytest.mark.regression("Knative: a call that hangs holds up its whole partition for ten minutes")
async def test_a_call_that_hangs_holds_back_its_own_key_only() -> None:
    log = MemoryLog()
    for number in range(20):
        log.append(event(str(number)), "stuck" if number == 0 else f"key {number}")

    async def hang(delivery: Delivery) -> Answer | None:
        if delivery.key == "stuck":
            await asyncio.Event().wait()
        return None

    sink = MemorySink(hang)
    async with Shop().trigger("orders", log, sink, ordering=Ordering.KEY, timeout=600.0):
        async with asyncio.timeout(1):
            await sink.until(19)


@pytest.mark.regression("Fission: errors of attempts at the same time overwrite each other")
async def test_failures_at_the_same_time_keep_their_own_reasons() -> None:
    told: dict[str, str] = {}

    async def fail(delivery: Delivery) -> Answer | None:
        await asyncio.sleep(0.01)
        raise SinkUnavailable(f"reason {delivery.event.id}", status=500)

    async def note(delivery: Delivery) -> Answer | None:
        told[delivery.event.id] = str(delivery.last_error)
        return None

    dead = MemorySink(note)
    policy = {"retry": 2, "on_exhausted": OnExhausted.DEAD_LETTER}
    async with Shop().trigger("orders", log_of(16, 1), MemorySink(fail), dead, **policy):
        await dead.until(16)
    assert told == {str(number): f"reason {number}" for number in range(16)}
