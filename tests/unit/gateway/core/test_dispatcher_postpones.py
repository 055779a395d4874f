"""Long waits that the source takes over, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.core.delivery import Answer, Delivery, Outcome
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.resting import HOLD, HOLD_CROWDED
from gateway.core.route import Limits, Route
from gateway.core.source import Intake
from gateway.errors import AttemptTimeout, EventRejected, NoEndpoint, SinkUnavailable
from gateway.sinks.memory import MemorySink
from tests.support.background import at_work
from tests.support.events import event, subscription
from tests.support.waiting import until
from tidegate.api.subscription import OnExhausted, Ordering

pytestmark = pytest.mark.looptime

FAILED = SinkUnavailable("failed", status=500)
"""Says something of its event only, so that no breaker opens by it."""


class Postponing:
    """A source that brings a released event again after the delay, with its attempts."""

    redelivers = True
    watched = False

    def __init__(self, *ids: str, keeps: bool = True) -> None:
        self.delays: list[float] = []
        self.outcomes: list[Outcome | None] = []
        self._ids = ids
        self._keeps = keeps
        self._reading = False

    async def run(self, intake: Intake) -> None:
        self._intake = intake
        self._reading = True
        try:
            for id in self._ids:
                self._push(id, 0)
            await asyncio.Event().wait()
        finally:
            self._reading = False

    async def close(self) -> None:
        """Nothing to let go of."""

    def _push(self, id: str, attempts: int) -> None:
        if not self._reading:
            return
        one = Delivery(event(id), self._settled, key=id)
        one.postponable = self._keeps
        one.attempts = attempts
        self._intake.push([one])

    def _settled(self, delivery: Delivery) -> None:
        self.outcomes.append(delivery.outcome)
        if delivery.outcome is Outcome.RELEASED and delivery.delay:
            self.delays.append(delivery.delay)
            loop = asyncio.get_running_loop()
            loop.call_later(delivery.delay, self._push, delivery.event.id, delivery.attempts)


class Failing:
    """Fails the attempts at each of `ids` with `error`; takes every other event."""

    def __init__(self, error: Exception, *ids: str, times: int = 10**9) -> None:
        self.error = error
        self.times = times
        self.tries = dict.fromkeys(ids, 0)
        self.at: list[float] = []

    async def __call__(self, delivery: Delivery) -> Answer | None:
        id = delivery.event.id
        if id in self.tries:
            self.tries[id] += 1
            self.at.append(asyncio.get_running_loop().time())
            if self.tries[id] <= self.times:
                raise self.error
        return None


class Bench:
    """A dispatcher between a source that postpones and a function that fails."""

    def __init__(
        self, source: Postponing, failing: Callable[[Delivery], Awaitable[Any]], **policy: Any
    ) -> None:
        limits = policy.pop("limits", Limits())
        self.source = source
        self.sink = MemorySink(failing)
        self.dead = MemorySink(policy.pop("dead", None))
        self.progress = Progress()
        wanted = subscription(**{"ordering": Ordering.NONE, "jitter": 0, **policy})
        route = Route(source, self.sink, self.dead)
        self.dispatcher = Dispatcher(wanted, route, self.progress, limits)

    def outcomes(self) -> dict[str, int]:
        assert self.progress.books.drift == 0
        return {kind.value: n for kind, n in self.progress.books.outcomes.items() if n}


@asynccontextmanager
async def running(
    source: Postponing, failing: Callable[[Delivery], Awaitable[Any]], **policy: Any
) -> AsyncIterator[Bench]:
    bench = Bench(source, failing, **policy)
    async with at_work(bench.dispatcher):
        yield bench
    assert bench.progress.books.in_flight == 0
    assert bench.progress.books.drift == 0


async def test_the_rest_of_a_long_wait_is_the_sources() -> None:
    failing = Failing(FAILED, "1", times=1)
    async with running(Postponing("1"), failing, backoff_delay=20.0) as bench:
        await bench.sink.until(1)
        assert bench.source.delays == [20.0 - HOLD]
    assert failing.at[1] - failing.at[0] == pytest.approx(20.0, abs=0.1)
    assert bench.outcomes() == {"released": 1, "delivered": 1}


async def test_what_waits_with_the_source_takes_no_place() -> None:
    limits = Limits(events=2)
    failing = Failing(FAILED, "1", "2")
    source = Postponing("1", "2")
    async with running(source, failing, limits=limits, backoff_delay=60.0) as bench:
        await until(lambda: len(bench.source.delays) == 2, 10)
        assert bench.dispatcher.credit == 2
        assert bench.progress.books.in_flight == 0


async def test_a_short_wait_is_spent_here() -> None:
    failing = Failing(FAILED, "1", times=3)
    async with running(Postponing("1"), failing, backoff_delay=HOLD / 4) as bench:
        await bench.sink.until(1)
    assert bench.source.delays == []


async def test_where_half_of_the_places_wait_they_wait_elsewhere_sooner() -> None:
    ids = [str(number) for number in range(8)]
    source, failing = Postponing(*ids), Failing(FAILED, *ids)
    limits = Limits(events=8)
    async with running(source, failing, limits=limits, backoff_delay=HOLD) as bench:
        await until(lambda: bench.source.delays, 2)
        assert set(bench.source.delays) == {HOLD - HOLD_CROWDED}
        assert 4 <= bench.progress.waiting < 8


@pytest.mark.parametrize("retry", [0, 1, 4, 10])
async def test_attempts_are_as_many_as_the_policy_says_wherever_they_wait(retry: int) -> None:
    failing = Failing(FAILED, "1")
    policy = {"retry": retry, "on_exhausted": OnExhausted.DEAD_LETTER, "backoff_delay": 1.0}
    async with running(Postponing("1"), failing, **policy) as bench:
        await bench.dead.until(1)
    assert failing.tries == {"1": retry + 1}
    assert bench.outcomes().get("deadLettered") == 1


@pytest.mark.parametrize("ordering", [Ordering.KEY, Ordering.PARTITION])
async def test_an_order_is_kept_by_waiting_here(ordering: Ordering) -> None:
    failing = Failing(FAILED, "1", times=2)
    policy = {"ordering": ordering, "backoff_delay": 30.0}
    async with running(Postponing("1"), failing, **policy) as bench:
        await bench.sink.until(1)
    assert bench.source.delays == []


async def test_a_source_that_cannot_postpone_is_not_asked_to() -> None:
    failing = Failing(FAILED, "1", times=2)
    source = Postponing("1", keeps=False)
    async with running(source, failing, backoff_delay=30.0) as bench:
        await bench.sink.until(1)
    assert bench.outcomes() == {"delivered": 1}


@pytest.mark.parametrize("error", [NoEndpoint("none"), AttemptTimeout("late")])
async def test_what_may_be_the_systems_failure_waits_here_until_that_is_known(error) -> None:
    failing = Failing(error, "1", times=1)
    async with running(Postponing("1"), failing, backoff_delay=30.0) as bench:
        await bench.sink.until(1)
    assert bench.source.delays == []


async def test_a_pause_of_the_breaker_costs_no_attempts_and_postpones_nothing() -> None:
    ids = [str(number) for number in range(6)]
    failing = Failing(SinkUnavailable("away", status=503, retry_after=40.0), *ids, times=2)
    policy = {"retry": 2, "on_exhausted": OnExhausted.DEAD_LETTER}
    async with running(Postponing(*ids), failing, **policy) as bench:
        await bench.sink.until(6)
    assert bench.source.delays == []
    assert bench.outcomes() == {"delivered": 6}


async def test_poison_among_events_that_pass_is_postponed() -> None:
    failing = Failing(AttemptTimeout("late"), "poison")
    source = Postponing("poison", "well")
    async with running(source, failing, backoff_delay=30.0) as bench:
        await until(lambda: bench.source.delays, 20)
    assert bench.sink.taken == 1


async def test_a_dead_letter_that_is_not_written_stays_here() -> None:
    down = Failing(SinkUnavailable("dead letter away"), "1", times=2)
    policy = {"on_exhausted": OnExhausted.DEAD_LETTER, "dead": down, "backoff_delay": 30.0}
    failing = Failing(EventRejected("no"), "1")
    async with running(Postponing("1"), failing, **policy) as bench:
        await until(lambda: bench.outcomes() == {"deadLettered": 1})
    assert bench.source.delays == []
    assert failing.tries == {"1": 1}


async def test_a_drain_releases_at_once_what_waits_before_it_is_postponed() -> None:
    failing = Failing(FAILED, "1")
    async with running(Postponing("1"), failing, backoff_delay=60.0) as bench:
        await until(lambda: bench.progress.waiting == 1)
    assert bench.source.delays == []
    assert bench.outcomes() == {"released": 1}
