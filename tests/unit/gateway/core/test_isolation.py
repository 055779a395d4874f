"""One trigger cannot hurt another: what some hold without end leaves the others their own part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.core.budget import Budget
from gateway.core.delivery import Answer, Delivery
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.errors import EventRejected
from gateway.sinks.memory import MemorySink
from gateway.sources.memory import MemoryLog, MemorySource
from tests.support.events import event, subscription
from tests.support.waiting import until

pytestmark = pytest.mark.looptime

KIB = 1024


class Shop:
    """Triggers that share a budget of 64 KiB; each alone may hold as much."""

    def __init__(self) -> None:
        self.budget = Budget(64 * KIB)

    @asynccontextmanager
    async def trigger(self, name: str, log: MemoryLog, sink: MemorySink) -> AsyncIterator[Progress]:
        """Run one trigger for the block."""
        limits = Limits(events=16, bytes=64 * KIB, budget=self.budget)
        progress = Progress()
        route = Route(MemorySource(log), sink)
        dispatcher = Dispatcher(subscription(name), route, progress, limits)
        running = asyncio.create_task(dispatcher.run())
        try:
            yield progress
        finally:
            dispatcher.stop()
            await running
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
