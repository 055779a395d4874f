"""How a dispatcher stops, and what cancelling one delivery does to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.core.delivery import Answer, Delivery
from gateway.core.dispatcher import STOP_AGAIN, Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.core.sink import Sink
from gateway.core.source import Intake
from gateway.errors import EventRejected, NoEndpoint, SinkUnavailable, SourceUnavailable
from gateway.sinks.memory import MemorySink
from gateway.sources.memory import MemoryLog, MemorySource
from tests.support.events import delivery, event, subscription
from tests.support.waiting import until
from tidegate.api.subscription import OnExhausted, Ordering

pytestmark = pytest.mark.looptime


class Once:
    """A source without a memory: pushes `deliveries`, then waits. What it lets go is gone."""

    watched = False

    def __init__(self, deliveries: Sequence[Delivery], *, redelivers: bool = False) -> None:
        self.redelivers = redelivers
        self._deliveries = deliveries

    async def run(self, intake: Intake) -> None:
        intake.push(self._deliveries)
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing to let go of."""


class Run:
    """A dispatcher that runs over a source that was given."""

    def __init__(self, source: Any, sink: Sink, dead: Sink | None = None, **policy: Any) -> None:
        limits = policy.pop("limits", Limits())
        self.progress = Progress()
        self.dispatcher = Dispatcher(
            subscription(**policy), Route(source, sink, dead), self.progress, limits
        )
        self.task = asyncio.create_task(self.dispatcher.run())

    def outcomes(self) -> dict[str, int]:
        assert self.progress.books.drift == 0
        return {kind.value: n for kind, n in self.progress.books.outcomes.items() if n}

    async def stop(self) -> float:
        """Stop it, and return the seconds that it took."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        self.dispatcher.stop()
        await self.task
        assert self.progress.books.in_flight == 0
        return loop.time() - started


class Deaf:
    """A source whose client swallows the first cancellation."""

    redelivers = False
    watched = False

    async def run(self, intake: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    async def close(self) -> None: ...


async def test_a_swallowed_cancellation_does_not_stop_the_stop() -> None:
    run = Run(Deaf(), MemorySink())
    await asyncio.sleep(1)
    assert await run.stop() == pytest.approx(STOP_AGAIN, abs=0.5)


def sink_that_raises(error: Exception, only: str | None = None, after: float = 0) -> MemorySink:
    async def behave(one: Delivery) -> Answer | None:
        await asyncio.sleep(after)
        if only in (None, one.event.id):
            raise error
        return None

    return MemorySink(behave)


def log_of(*ids: str, key: str | None = None) -> MemoryLog:
    log = MemoryLog()
    for id in ids:
        log.append(event(id), key)
    return log


@pytest.mark.parametrize("policy", [{"retry": 0}, {"retry": 3}])
async def test_cancelling_the_head_of_a_lane_lets_its_successor_go(policy: dict[str, Any]) -> None:
    first, second = delivery("1", key="k"), delivery("2", key="k")
    sink = sink_that_raises(SinkUnavailable("away"), only="1")
    run = Run(Once([first, second]), sink, ordering=Ordering.KEY, backoff_delay=60, **policy)
    await until(lambda: run.progress.parked or run.progress.waiting)
    run.dispatcher.cancel(first)
    async with asyncio.timeout(5):
        await sink.until(1)
    await run.stop()
    assert run.outcomes() == {"dropped": 1, "delivered": 1}


async def test_cancelling_tells_that_nothing_is_parked_any_more() -> None:
    one = delivery("1")
    run = Run(Once([one]), sink_that_raises(EventRejected("no")))
    await until(lambda: run.progress.parked == 1)
    run.dispatcher.cancel(one)
    assert run.progress.parked == 0
    await run.stop()


async def test_cancelling_what_has_ended_changes_nothing() -> None:
    one = delivery("1")
    sink = MemorySink()
    run = Run(Once([one]), sink)
    await sink.until(1)
    run.dispatcher.cancel(one)
    await run.stop()
    assert run.outcomes() == {"delivered": 1}


async def test_a_queued_delivery_that_is_cancelled_is_never_sent() -> None:
    first, second = delivery("1"), delivery("2")
    sink = MemorySink(lambda _: asyncio.sleep(1))
    run = Run(Once([first, second]), sink, concurrency=1)
    await until(lambda: sink.attempts == 1)
    run.dispatcher.cancel(second)
    await until(lambda: run.outcomes() == {"delivered": 1, "dropped": 1})
    assert sink.attempts == 1
    await run.stop()


@pytest.mark.parametrize("redelivers", [True, False])
async def test_a_drain_does_not_wait_for_what_parks_meanwhile(redelivers: bool) -> None:
    sink = sink_that_raises(EventRejected("no"), after=1)
    run = Run(Once([delivery("1")], redelivers=redelivers), sink)
    await until(lambda: sink.attempts == 1)
    assert await run.stop() < 3
    assert run.outcomes() == {"released": 1}


async def test_a_drain_hands_back_what_would_wait_for_another_attempt() -> None:
    sink = sink_that_raises(SinkUnavailable("away"), after=1)
    run = Run(MemorySource(log_of("1")), sink, backoff_delay=5)
    await until(lambda: sink.attempts == 1)
    assert await run.stop() < 3
    assert run.outcomes() == {"released": 1}


async def test_a_drain_hands_back_what_its_dead_letter_sink_does_not_take() -> None:
    dead = sink_that_raises(SinkUnavailable("dead letters away"), after=1)
    sink = sink_that_raises(EventRejected("no"))
    policy = {"on_exhausted": OnExhausted.DEAD_LETTER}
    run = Run(MemorySource(log_of("1")), sink, dead, **policy)
    await until(lambda: dead.attempts == 1)
    assert await run.stop() < 3
    assert run.outcomes() == {"released": 1}


async def test_a_drain_goes_on_trying_what_would_be_lost() -> None:
    failing = iter([SinkUnavailable("away"), SinkUnavailable("away")])

    async def behave(_: Delivery) -> Answer | None:
        await asyncio.sleep(1)
        if (error := next(failing, None)) is not None:
            raise error
        return None

    sink = MemorySink(behave)
    run = Run(Once([delivery("1")]), sink)
    await until(lambda: sink.attempts == 1)
    await run.stop()
    assert run.outcomes() == {"delivered": 1}


async def test_a_drain_sends_what_is_queued_behind_a_parked_delivery_that_would_be_lost() -> None:
    sink = sink_that_raises(EventRejected("no"), only="1")
    deliveries = [delivery("1", key="k"), delivery("2", key="k")]
    run = Run(Once(deliveries), sink, ordering=Ordering.KEY)
    await until(lambda: run.progress.parked == 1)
    assert await run.stop() < 3
    assert run.outcomes() == {"released": 1, "delivered": 1}


def slow_to_let_go(begun: list[str]) -> MemorySink:
    """A sink that notes what it was given, holds it, and takes five seconds to give it up."""

    async def behave(one: Delivery) -> Answer | None:
        begun.append(one.event.id)
        if one.event.id == "away":
            raise SinkUnavailable("away")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(5)
        return None

    return MemorySink(behave)


async def test_an_abort_starts_nothing_new() -> None:
    """A sink that is slow to let go must not give timers the time to begin another attempt."""
    begun: list[str] = []
    deliveries = [delivery("away"), *map(delivery, ("1", "2"))]
    policy = {"backoff_delay": 4.0, "jitter": 0, "backoff": "linear", "timeout": 1000.0}
    limits = Limits(drain_timeout=2)
    run = Run(Once(deliveries), slow_to_let_go(begun), limits=limits, concurrency=3, **policy)
    await until(lambda: len(begun) == 3)
    assert await run.stop() < 8
    assert begun == ["away", "1", "2"]
    assert run.outcomes() == {"released": 3}


async def test_a_source_that_does_not_close_does_not_hold_up_the_stop() -> None:
    class Clinging(Once):
        async def close(self) -> None:
            await asyncio.Event().wait()

    run = Run(Clinging([]), MemorySink())
    await asyncio.sleep(0)
    assert await run.stop() < 60


async def test_a_caller_is_told_when_no_endpoint_comes_within_the_retries() -> None:
    one = delivery("1")
    one.call = object()
    sink = sink_that_raises(NoEndpoint("no process is ready"))
    run = Run(Once([one]), sink, retry=2)
    await until(lambda: run.outcomes() == {"released": 1}, timeout=60)
    assert sink.attempts == 3
    await run.stop()


@pytest.mark.parametrize(("retry_timeout", "attempts"), [(True, 3), (False, 1)])
async def test_a_timeout_is_tried_again_only_by_policy(retry_timeout: bool, attempts: int) -> None:
    sink = MemorySink(lambda _: asyncio.sleep(100))
    policy = {"retry": 2, "timeout": 1.0, "on_exhausted": OnExhausted.DROP}
    run = Run(Once([delivery("1")]), sink, retry_timeout=retry_timeout, **policy)
    await until(lambda: run.outcomes() == {"dropped": 1}, timeout=60)
    assert (sink.attempts, run.progress.attempts["timeout"]) == (attempts, attempts)
    await run.stop()


async def test_a_bug_in_a_sink_releases_everything_and_comes_out() -> None:
    sink = sink_that_raises(ZeroDivisionError("a bug"), only="2", after=1)
    run = Run(MemorySource(log_of("1", "2", "3")), sink)
    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        await run.task
    assert run.progress.books.drift == run.progress.books.in_flight == 0


async def test_why_it_was_stopped_goes_before_what_the_source_says_of_it() -> None:
    class Complaining(Once):
        async def run(self, intake: Intake) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise SourceUnavailable("cut off")

    run = Run(Complaining([]), MemorySink())
    await asyncio.sleep(1)
    run.dispatcher.stop(SourceUnavailable("no word"))
    with pytest.raises(SourceUnavailable, match="no word"):
        await run.task


async def test_every_attempt_is_counted_by_its_result() -> None:
    failures = iter([SinkUnavailable("away"), EventRejected("no")])

    async def behave(one: Delivery) -> Answer | None:
        if one.event.id == "bad" and (error := next(failures, None)) is not None:
            raise error
        return None

    policy = {"on_exhausted": OnExhausted.DROP}
    run = Run(Once([delivery("bad"), delivery("good")]), MemorySink(behave), **policy)
    await until(lambda: len(run.outcomes()) == 2)
    assert run.progress.attempts == {"success": 1, "unavailable": 1, "timeout": 0, "rejected": 1}
    assert sum(run.progress.durations.counts) == 1
    await run.stop()


async def test_the_first_failure_is_the_one_that_comes_out() -> None:
    run = Run(Once([]), MemorySink())
    await asyncio.sleep(0)
    run.dispatcher.stop(SourceUnavailable("no word"))
    run.dispatcher.stop(SourceUnavailable("again"))
    with pytest.raises(SourceUnavailable, match="no word"):
        await run.task


async def test_cancelling_the_run_starts_nothing_new() -> None:
    """While a worker is slow to let go, a timer fires: it must not begin another attempt."""
    begun: list[str] = []
    deliveries = [delivery("away"), delivery("1")]
    run = Run(Once(deliveries), slow_to_let_go(begun), backoff_delay=1, jitter=0, timeout=1000.0)
    await until(lambda: len(begun) == 2)
    run.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run.task
    assert begun == ["away", "1"]
    assert run.outcomes() == {"released": 2}


@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_what_is_pushed_while_a_bug_ends_the_run_is_released(turns: int) -> None:
    loop = asyncio.get_running_loop()
    late: list[Delivery] = []

    def push_after(turns: int) -> None:
        if turns:
            loop.call_soon(push_after, turns - 1)
        elif not run.task.done():
            late.append(delivery("late"))
            run.dispatcher.push(late)

    async def behave(_: Delivery) -> Answer | None:
        push_after(turns)
        raise ZeroDivisionError("a bug")

    complaints: list[object] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    run = Run(Once([delivery("1")]), MemorySink(behave))
    with pytest.raises(ExceptionGroup):
        await run.task
    assert run.outcomes() == {"released": 1 + len(late)}
    assert complaints == []


async def test_a_worker_whose_delivery_was_cancelled_is_a_worker_like_any_other() -> None:
    requests: list[int] = []

    async def behave(one: Delivery) -> Answer | None:
        task = asyncio.current_task()
        assert task is not None
        requests.append(task.cancelling())
        if one.event.id == "1":
            await asyncio.Event().wait()
        return None

    first = delivery("1")
    sink = MemorySink(behave)
    run = Run(Once([first, delivery("2")]), sink, concurrency=1)
    await until(lambda: sink.attempts == 1)
    run.dispatcher.cancel(first)
    await sink.until(1)
    await run.stop()
    assert requests == [0, 0]


async def test_an_event_that_was_refused_was_tried_once() -> None:
    one = delivery("1")
    policy = {"on_exhausted": OnExhausted.DROP}
    run = Run(Once([one]), sink_that_raises(EventRejected("no")), **policy)
    await until(lambda: run.outcomes() == {"dropped": 1})
    assert one.attempts == 1
    await run.stop()


async def test_what_is_released_and_not_begun_ends_at_once() -> None:
    going_on = asyncio.Event()

    async def behave(_: Delivery) -> Answer | None:
        await going_on.wait()
        return None

    queue = [delivery(id, key=id[0], partition=0) for id in ("a1", "a2", "b1", "c1")]
    run = Run(Once(queue), MemorySink(behave), ordering=Ordering.KEY, concurrency=2)
    await until(lambda: run.progress.books.in_flight == 4)
    await asyncio.sleep(0)
    run.dispatcher.release(queue)
    assert [one.outcome and one.outcome.value for one in queue] == [
        None,
        "released",
        None,
        "released",
    ]
    going_on.set()
    await until(lambda: not run.progress.books.in_flight)
    assert run.outcomes() == {"delivered": 2, "released": 2}
    await run.stop()


async def test_an_attempt_that_was_released_is_not_tried_again() -> None:
    failing = asyncio.Event()

    async def behave(_: Delivery) -> Answer | None:
        await failing.wait()
        raise SinkUnavailable("busy", status=500)

    one = delivery("1")
    run = Run(Once([one]), MemorySink(behave), retry=-1)
    await asyncio.sleep(0.1)
    run.dispatcher.release([one])
    assert one.outcome is None
    failing.set()
    await until(lambda: one.outcome is not None)
    assert run.outcomes() == {"released": 1}
    await run.stop()


@pytest.mark.parametrize("on_exhausted", [OnExhausted.PARK, OnExhausted.DEAD_LETTER])
async def test_what_waits_or_is_parked_frees_its_lane_when_it_is_released(
    on_exhausted: OnExhausted,
) -> None:
    async def behave(one: Delivery) -> Answer | None:
        if one.event.id == "a1":
            raise EventRejected("no")
        return None

    async def refuse(_: Delivery) -> Answer | None:
        raise SinkUnavailable("away")

    first, second = delivery("a1", key="a"), delivery("a2", key="a")
    run = Run(
        Once([first, second]),
        MemorySink(behave),
        MemorySink(refuse),
        ordering=Ordering.KEY,
        on_exhausted=on_exhausted,
    )
    await until(lambda: run.progress.waiting + run.progress.parked == 1)
    run.dispatcher.release([first])
    await until(lambda: second.outcome is not None)
    assert run.outcomes() == {"delivered": 1, "released": 1}
    assert run.progress.unwritten == 0
    await run.stop()


@pytest.mark.parametrize("redelivers", [True, False])
async def test_what_was_parked_comes_back_with_all_its_attempts(redelivers: bool) -> None:
    async def behave(_: Delivery) -> Answer | None:
        raise SinkUnavailable("busy", status=500)

    one = delivery("1")
    run = Run(Once([one], redelivers=redelivers), MemorySink(behave), retry=2)
    await until(lambda: run.progress.parked == 1)
    assert one.attempts == 3
    await run.stop()
    assert (one.attempts, run.outcomes()) == (0, {"released": 1})
