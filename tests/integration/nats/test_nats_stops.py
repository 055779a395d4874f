"""A source that is told to stop stops, at whichever await of its start it is told."""

from __future__ import annotations

import asyncio

import pytest

from gateway.sources.nats import NatsSource
from tests.fakes.nats_server import NatsServer
from tests.integration.nats.bench import Bench, RecordingIntake, core, stream
from tests.support.stops import Stopped
from tests.support.waiting import until
from tidegate.api.subscription import NatsSubject, Subscription

PROMPT = 10.0
"""Seconds for any stop. It takes milliseconds; a cancellation that got lost takes for ever."""

IDLE = 0.3
"""Seconds after which a source that reads awaits nothing any more but messages."""


class Start:
    """One start of a source, stopped in one of its awaits."""

    def __init__(self, bench: Bench, spec: NatsSubject, moment: int, *, late: bool) -> None:
        subscription = Subscription("default", "NATSTrigger", "orders", "hello", spec)
        self.intake = RecordingIntake()
        self._source = NatsSource(subscription, bench.context())
        self._work = Stopped(self._source.run(self.intake), moment, late=late)
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self._work

    @property
    def awaits(self) -> int:
        return self._work.awaits

    async def reached(self) -> bool:
        """Return whether it was told to stop; a start may have fewer awaits than `moment`."""
        await until(lambda: self.task.done() or self.intake.polls, PROMPT, every=0.002)
        await asyncio.wait([self.task], timeout=IDLE)
        return self.task.done() or self.task.cancelling() > 0

    async def ended(self) -> None:
        """Return once `run` has ended, and close the source."""
        done, _ = await asyncio.wait([self.task], timeout=PROMPT)
        assert done, f"stopped in await {self._work.moment}, and still reading"
        assert self.task.cancelled()
        async with asyncio.timeout(PROMPT):
            await self._source.close()


@pytest.mark.regression("nats-py: wait_for in Python 3.11 forgets a cancellation beside a result")
@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "with the result"])
@pytest.mark.parametrize("spec", [core(), stream()], ids=["core", "jetstream"])
async def test_a_source_that_is_told_to_stop_in_any_await_of_its_start_stops(
    server: NatsServer, spec: NatsSubject, late: bool
) -> None:
    bench = Bench(server.url)
    for moment in range(1, 40):
        start = Start(bench, spec, moment, late=late)
        if not await start.reached():
            break
        await start.ended()
    start.task.cancel()
    await start.ended()
    assert 3 < moment < 39, "or the start was not seen"
