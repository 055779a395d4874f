"""The dispatcher between the real memory log and the real memory sink, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.core.delivery import Answer, Delivery, Outcome
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress, State
from gateway.core.route import Limits, Route
from gateway.errors import (
    AlreadySettled,
    CallerGone,
    ConfigError,
    EventRejected,
    NoEndpoint,
    SinkUnavailable,
    SourceUnavailable,
)
from gateway.sinks.memory import Behaviour, MemorySink
from gateway.sources.memory import MemoryLog, MemorySource
from tests.support.background import at_work
from tests.support.events import delivery, event, subscription
from tests.support.waiting import until
from tidegate.api.subscription import OnExhausted, Ordering

pytestmark = pytest.mark.looptime


@dataclass
class Bench:
    """One dispatcher with its surroundings."""

    log: MemoryLog
    sink: MemorySink
    progress: Progress
    dispatcher: Dispatcher
    dead: MemorySink = field(default_factory=MemorySink)

    def outcomes(self) -> dict[str, int]:
        assert self.progress.books.drift == 0
        return {kind.value: n for kind, n in self.progress.books.outcomes.items() if n}


@asynccontextmanager
async def dispatching(
    log: MemoryLog, behaviour: Behaviour | None = None, **policy: Any
) -> AsyncIterator[Bench]:
    """Run a dispatcher for the block; stop it and check its books afterwards."""
    limits = policy.pop("limits", Limits())
    dead = MemorySink(policy.pop("dead", None))
    sink, progress = MemorySink(behaviour), Progress()
    route = Route(MemorySource(log), sink, dead)
    dispatcher = Dispatcher(subscription(**policy), route, progress, limits)
    bench = Bench(log, sink, progress, dispatcher, dead)
    async with at_work(dispatcher):
        yield bench
    assert progress.books.in_flight == 0
    assert progress.books.drift == 0


def log_of(*ids: str, key: str | None = None) -> MemoryLog:
    log = MemoryLog()
    for id in ids:
        log.append(event(id), key)
    return log


class Failing:
    """Fails the first `times` attempts of each event with `error`."""

    def __init__(self, error: Exception, times: int = 10**9) -> None:
        self.error = error
        self.times = times
        self.tries: dict[str, int] = {}

    async def __call__(self, delivery: Delivery) -> Answer | None:
        tries = self.tries.get(delivery.event.id, 0)
        self.tries[delivery.event.id] = tries + 1
        if tries < self.times:
            raise self.error
        return None


async def test_every_event_is_delivered_once_and_committed() -> None:
    log = log_of(*map(str, range(100)))
    async with dispatching(log) as bench:
        await bench.sink.until(100)
    assert bench.outcomes() == {"delivered": 100}
    assert log.committed[0] == 100


async def test_a_transient_failure_is_retried_until_it_succeeds() -> None:
    async with dispatching(log_of("1"), Failing(SinkUnavailable("away"), times=3)) as bench:
        await bench.sink.until(1)
    assert bench.sink.attempts == 4
    assert bench.outcomes() == {"delivered": 1}


async def test_backoff_does_not_hold_a_worker() -> None:
    log = log_of("slow", "1", "2", "3")

    async def behave(delivery: Delivery) -> Answer | None:
        if delivery.event.id == "slow" and delivery.attempts < 5:
            raise SinkUnavailable("away")
        return None

    async with dispatching(log, behave, concurrency=1, jitter=0) as bench:
        await bench.sink.until(3)
        assert bench.progress.waiting == 1
        await bench.sink.until(4)
    assert [one.id for one in bench.sink.events] == ["1", "2", "3", "slow"]


@pytest.mark.regression("Knative: Retry-After is not heeded")
async def test_retry_after_sets_the_pace() -> None:
    loop = asyncio.get_running_loop()
    failing = Failing(SinkUnavailable("busy", retry_after=30), times=1)
    async with dispatching(log_of("1"), failing, jitter=0) as bench:
        started = loop.time()
        await bench.sink.until(1)
        assert loop.time() - started >= 30


async def test_nothing_ready_costs_no_attempt() -> None:
    failing = Failing(NoEndpoint("no process"), times=50)
    async with dispatching(log_of("1"), failing, retry=0) as bench:
        await bench.sink.until(1)
    assert bench.outcomes() == {"delivered": 1}


@pytest.mark.regression("Knative: commits what failed where no dead-letter sink is named")
@pytest.mark.regression("Knative: a tick is lost when its few retries are spent")
async def test_an_exhausted_event_parks_its_key_and_others_go_on() -> None:
    log = MemoryLog()
    for id, key in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        log.append(event(id), key)

    async def behave(delivery: Delivery) -> Answer | None:
        if delivery.event.id == "a1":
            raise SinkUnavailable("away")
        return None

    async with dispatching(log, behave, retry=2, ordering=Ordering.KEY) as bench:
        await until(lambda: bench.progress.parked == 1)
        assert [one.id for one in bench.sink.events] == ["b1"]
        assert bench.progress.books.in_flight == 2
    assert log.committed[0] == 0


async def test_a_rejected_event_is_dead_lettered_without_a_retry() -> None:
    failing = Failing(EventRejected("404", status=404))
    policy = {"on_exhausted": OnExhausted.DEAD_LETTER}
    async with dispatching(log_of("1"), failing, **policy) as bench:
        await bench.dead.until(1)
    assert bench.sink.attempts == 1
    assert bench.outcomes() == {"deadLettered": 1}


@pytest.mark.regression("Knative: commits though the dead letter could not be written")
async def test_a_dead_letter_that_cannot_be_written_is_never_committed() -> None:
    log = log_of("1")
    down = Failing(SinkUnavailable("dead letter away"), times=20)
    policy = {"on_exhausted": OnExhausted.DEAD_LETTER, "dead": down}
    async with dispatching(log, Failing(EventRejected("no")), **policy) as bench:
        await until(lambda: bench.dead.attempts >= 10)
        assert log.committed[0] == 0
        assert "dead letter" in bench.progress.last_error
        assert bench.progress.unwritten == 1
        await bench.dead.until(1)
        assert bench.progress.unwritten == 0
    assert bench.outcomes() == {"deadLettered": 1}
    assert log.committed[0] == 1


async def test_a_caller_is_told_when_the_dead_letter_cannot_be_written() -> None:
    away = Failing(SinkUnavailable("dead letters away"))
    policy = {"on_exhausted": OnExhausted.DEAD_LETTER, "dead": away}
    called = delivery("called")
    called.call = object()
    async with dispatching(MemoryLog(), Failing(EventRejected("no")), **policy) as bench:
        await until(lambda: bench.progress.state is State.RUNNING)
        bench.dispatcher.push([called])
        await until(lambda: called.outcome is not None)
    assert bench.outcomes() == {"released": 1}
    assert (bench.dead.attempts, bench.progress.unwritten) == (1, 0)
    assert "dead letters away" in bench.progress.last_error


async def test_a_dead_letter_knows_when_it_failed_first_and_last() -> None:
    failing = Failing(SinkUnavailable("away"))
    seen: list[Delivery] = []

    async def keep(delivery: Delivery) -> None:
        seen.append(delivery)

    policy = {"on_exhausted": OnExhausted.DEAD_LETTER, "dead": keep, "retry": 1}
    async with dispatching(log_of("1"), failing, **policy) as bench:
        await bench.dead.until(1)
    (one,) = seen
    assert one.failed_at is not None
    assert 0 < one.failed_at[0] <= one.failed_at[1]
    assert (one.attempts, str(one.last_error)) == (2, "away")


async def test_an_explicit_policy_drops_and_counts() -> None:
    failing = Failing(EventRejected("no"))
    async with dispatching(log_of("1"), failing, on_exhausted=OnExhausted.DROP) as bench:
        await until(lambda: bench.outcomes() == {"dropped": 1})


async def test_what_a_filter_refuses_is_settled_and_never_sent() -> None:
    log = log_of("1", "2")
    async with dispatching(log, filters=({"exact": {"id": "2"}},)) as bench:
        await bench.sink.until(1)
    assert bench.outcomes() == {"delivered": 1, "filtered": 1}
    assert log.committed[0] == 2


async def test_an_event_past_its_age_is_not_attempted() -> None:
    log = MemoryLog()
    log.append(event("1", time="2020-01-01T00:00:00Z"))
    async with dispatching(log, max_age=60, on_exhausted=OnExhausted.DROP) as bench:
        await until(lambda: bench.outcomes() == {"dropped": 1})
    assert bench.sink.attempts == 0


async def test_a_caller_who_left_gets_the_event_back() -> None:
    async with dispatching(log_of("1"), Failing(CallerGone("left"))) as bench:
        await until(lambda: bench.outcomes() == {"released": 1})


async def test_no_more_than_the_concurrency_is_in_flight() -> None:
    now = peak = 0

    async def behave(_: Delivery) -> Answer | None:
        nonlocal now, peak
        now += 1
        peak = max(peak, now)
        await asyncio.sleep(1)
        now -= 1
        return None

    async with dispatching(log_of(*map(str, range(40))), behave, concurrency=4) as bench:
        await bench.sink.until(40)
    assert peak == 4


async def test_a_full_dispatcher_stops_its_source() -> None:
    gate = asyncio.Event()

    async def behave(_: Delivery) -> Answer | None:
        await gate.wait()
        return None

    limits = Limits(events=10)
    log = log_of(*map(str, range(100)))
    async with dispatching(log, behave, concurrency=2, limits=limits) as bench:
        await until(lambda: bench.progress.books.received >= 10)
        await asyncio.sleep(10)
        assert bench.progress.books.received == 10
        assert bench.dispatcher.credit == 0
        gate.set()
        await bench.sink.until(100)


async def test_bytes_are_bounded_as_well_as_events() -> None:
    gate = asyncio.Event()

    async def behave(_: Delivery) -> Answer | None:
        await gate.wait()
        return None

    log = MemoryLog()
    for number in range(50):
        log.append(event(str(number), data=bytes(1000)), partition=number)
    async with dispatching(log, behave, limits=Limits(bytes=5000)) as bench:
        await until(lambda: bench.progress.books.received >= 5)
        await asyncio.sleep(10)
        assert bench.progress.books.received == 5
        gate.set()
        await bench.sink.until(50)


async def test_a_drain_finishes_what_is_in_flight_and_hands_back_the_rest() -> None:
    log = log_of(*map(str, range(10)))

    async def behave(_: Delivery) -> Answer | None:
        await asyncio.sleep(5)
        return None

    async with dispatching(log, behave, concurrency=2) as bench:
        await until(lambda: bench.sink.attempts == 2)
    assert bench.outcomes() == {"delivered": 2, "released": 8}
    assert log.committed[0] == 2


async def test_an_abort_releases_what_does_not_end_in_time() -> None:
    async def behave(_: Delivery) -> Answer | None:
        await asyncio.Event().wait()
        return None

    limits = Limits(drain_timeout=3)
    async with dispatching(log_of("1"), behave, limits=limits, timeout=1000) as bench:
        await until(lambda: bench.sink.attempts == 1)
    assert bench.outcomes() == {"released": 1}
    assert bench.log.committed[0] == 0


async def test_a_released_event_comes_again_with_the_same_id() -> None:
    log = log_of("1")
    async with dispatching(log, Failing(SinkUnavailable("away"))) as first:
        await until(lambda: first.progress.waiting == 1)
    async with dispatching(log) as second:
        await second.sink.until(1)
    assert second.sink.events[0].id == "1"


async def test_a_cancelled_delivery_is_dropped_and_its_worker_goes_on() -> None:
    log = log_of("1", "2")
    held: list[Delivery] = []

    async def behave(delivery: Delivery) -> Answer | None:
        if delivery.event.id == "1":
            held.append(delivery)
            await asyncio.Event().wait()
        return None

    async with dispatching(log, behave, concurrency=1, timeout=1000) as bench:
        await until(lambda: held)
        bench.dispatcher.cancel(held[0])
        await bench.sink.until(1)
    assert bench.outcomes() == {"delivered": 1, "dropped": 1}


async def test_a_cancelled_delivery_is_dropped_while_it_waits_for_a_retry() -> None:
    seen: list[Delivery] = []

    async def behave(delivery: Delivery) -> Answer | None:
        seen.append(delivery)
        raise SinkUnavailable("away")

    async with dispatching(log_of("1"), behave) as bench:
        await until(lambda: bench.progress.waiting == 1)
        bench.dispatcher.cancel(seen[0])
        assert bench.outcomes() == {"dropped": 1}


@pytest.mark.parametrize("error", [ConfigError("no such stream"), SourceUnavailable("gone")])
async def test_why_the_source_ended_comes_out_after_the_drain(error: Exception) -> None:
    class Ending(MemorySource):
        async def run(self, intake: Any) -> None:
            intake.push(self._batch(0, 10))
            raise error

    async def behave(_: Delivery) -> Answer | None:
        await asyncio.sleep(2)
        return None

    sink, progress = MemorySink(behave), Progress()
    route = Route(Ending(log_of("1")), sink)
    with pytest.raises(type(error), match=str(error)):
        await Dispatcher(subscription(), route, progress, Limits()).run()
    assert sink.taken == 1
    assert progress.state is State.DRAINING


def test_settling_twice_is_a_bug() -> None:
    one = delivery()
    one.settle(Outcome.DELIVERED)
    with pytest.raises(AlreadySettled, match="already ended as delivered"):
        one.settle(Outcome.RELEASED)


async def test_a_burst_calls_for_one_worker_per_delivery() -> None:
    async with dispatching(MemoryLog(), concurrency=64) as bench:
        await until(lambda: bench.progress.state is State.RUNNING)
        for number in range(10):
            bench.dispatcher.push([delivery(str(number))])
        workers = [task for task in asyncio.all_tasks() if task.get_name() == subscription().id]
        assert len(workers) == 10
        await bench.sink.until(10)


class Outage:
    """A function that is away until it is mended; what came meanwhile is counted."""

    def __init__(self) -> None:
        self.over = False
        self.refused = 0
        self.at_once = self.peak = 0

    async def __call__(self, delivery: Delivery) -> Answer | None:
        if not self.over:
            self.refused += 1
            raise SinkUnavailable("connection refused")
        self.at_once += 1
        self.peak = max(self.peak, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return None


async def test_an_outage_pauses_the_source_and_costs_no_event_a_retry() -> None:
    outage, log = Outage(), log_of(*map(str, range(500)))
    limits = Limits(events=100)
    async with dispatching(log, outage, retry=3, limits=limits, jitter=0) as bench:
        await until(lambda: bench.progress.breaker == "open")
        received = bench.progress.books.received
        await asyncio.sleep(3600)
        assert bench.progress.books.received == received
        assert bench.progress.parked == 0
        assert outage.refused < 3600 / 30 + 100
        outage.over = True
        await bench.sink.until(500)
        assert bench.progress.breaker == "closed"
    assert bench.outcomes() == {"delivered": 500}


async def test_a_poison_event_goes_its_way_while_others_pass() -> None:
    async def behave(delivery: Delivery) -> Answer | None:
        if delivery.event.id == "13":
            raise SinkUnavailable("it kills the process")
        return None

    policy = {"retry": 5, "on_exhausted": OnExhausted.DEAD_LETTER}
    log = log_of(*map(str, range(100)))
    async with dispatching(log, behave, **policy) as bench:
        await bench.sink.until(99)
        await bench.dead.until(1)
    assert bench.outcomes() == {"delivered": 99, "deadLettered": 1}
    assert bench.sink.attempts == 99 + 6


async def test_what_the_function_answers_with_500_opens_nothing() -> None:
    failing = Failing(SinkUnavailable("it answered 500", status=500))
    log = log_of(*map(str, range(20)))
    policy = {"retry": 1, "on_exhausted": OnExhausted.DEAD_LETTER}
    async with dispatching(log, failing, **policy) as bench:
        await bench.dead.until(20)
        assert bench.progress.breaker == "closed"


async def test_after_an_outage_the_concurrency_grows_from_one() -> None:
    outage, log = Outage(), log_of(*map(str, range(60)))
    async with dispatching(log, outage, jitter=0, concurrency=16) as bench:
        await until(lambda: bench.progress.breaker == "open")
        outage.over = True
        await bench.sink.until(1)
        assert outage.peak == 1
        await bench.sink.until(60)
        assert outage.peak == 16


async def test_news_of_the_destination_ends_the_pause_at_once() -> None:
    outage, reactions = Outage(), []
    log = log_of(*map(str, range(50)))
    progress, sink = Progress(), MemorySink(outage)

    def news(react: Any) -> Any:
        reactions.append(react)
        return reactions.clear

    route = Route(MemorySource(log), sink, news=news)
    dispatcher = Dispatcher(subscription(backoff_max=3600), route, progress, Limits())
    async with at_work(dispatcher):
        await until(lambda: progress.breaker == "open")
        await asyncio.sleep(300)
        outage.over = True
        started = asyncio.get_running_loop().time()
        reactions[0]()
        await sink.until(10)
        assert asyncio.get_running_loop().time() - started < 1
    assert reactions == []


async def test_what_is_parked_begins_anew_when_it_is_resumed() -> None:
    failing = Failing(SinkUnavailable("it answered 500", status=500), times=3)
    async with dispatching(log_of("1"), failing, retry=2) as bench:
        await until(lambda: bench.progress.parked == 1)
        bench.dispatcher.resume()
        await bench.sink.until(1)
        assert bench.progress.parked == 0
    assert bench.outcomes() == {"delivered": 1}


async def test_what_a_source_lost_is_counted_beside_the_books() -> None:
    async with dispatching(log_of("1")) as bench:
        await bench.sink.until(1)
        bench.dispatcher.lost(3)
        bench.dispatcher.lost(2)
    assert bench.progress.lost == 5
    assert bench.outcomes() == {"delivered": 1}
