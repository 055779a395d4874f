"""Whatever happens to a dispatcher, its promises hold: random schedules on virtual time.

A log is read by one dispatcher after another. Each meets its own mix of failures and ends in its
own way; the last one meets none, so that every event must have ended when it has drained.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, event, given, settings, target
from hypothesis import strategies as st

from gateway.core.checkpoint import Mark
from gateway.core.delivery import Answer, Delivery, Outcome
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.errors import (
    AttemptTimeout,
    CallerGone,
    EventRejected,
    NoEndpoint,
    SinkUnavailable,
    SourceUnavailable,
)
from gateway.sinks.memory import MemorySink
from gateway.sources.memory import MemoryLog, MemorySource, Record
from tests.support.background import at_work
from tests.support.events import event as cloud_event
from tests.support.events import subscription
from tidegate.api.subscription import OnExhausted, Ordering

pytestmark = pytest.mark.looptime

Position = tuple[int, int]
LONG = 400.0
"""Longer than any finite plan of failures takes."""

ERRORS = {
    "away": SinkUnavailable("away"),
    "busy": SinkUnavailable("busy", retry_after=3),
    "late": AttemptTimeout("late"),
    "no endpoint": NoEndpoint("nothing is ready"),
    "refuse": EventRejected("no", status=400),
}


@dataclass(frozen=True)
class Published:
    """One event, and how the sink takes it attempt by attempt; after that it is taken."""

    key: str | None
    partition: int
    plan: tuple[str, ...]
    dead_plan: tuple[str, ...]
    filtered: bool
    late: bool


@dataclass(frozen=True)
class Life:
    """One dispatcher's time: what is done to it, then how it ends."""

    actions: tuple[tuple[str, float, int], ...]
    end: str
    drain_timeout: float


@dataclass(frozen=True)
class Scenario:
    events: tuple[Published, ...]
    lives: tuple[Life, ...]
    policy: dict[str, Any]
    limits: tuple[int, int]
    redelivers: bool


verdicts = st.sampled_from(["take", "slow", "hang", *ERRORS])
plans = st.lists(verdicts, max_size=4).map(tuple)
published = st.builds(
    Published,
    key=st.sampled_from(["a", "b", None]),
    partition=st.integers(0, 1),
    plan=plans,
    dead_plan=st.lists(st.sampled_from(["away", "refuse", "slow", "hang"]), max_size=2).map(tuple),
    filtered=st.integers(0, 9).map(lambda roll: roll == 0),
    late=st.booleans(),
)
lives = st.builds(
    Life,
    actions=st.lists(
        st.tuples(
            st.sampled_from(["publish", "publish", "cancel", "wait", "settle down"]),
            st.sampled_from([0.0, 0.1, 1.0, 7.0]),
            st.integers(0, 50),
        ),
        max_size=6,
    ).map(tuple),
    end=st.sampled_from(["drain", "drain", "source fails", "abort", "source stops", "hand back"]),
    drain_timeout=st.sampled_from([0.5, 20.0]),
)
policies = st.fixed_dictionaries(
    {
        "ordering": st.sampled_from(Ordering),
        "on_exhausted": st.sampled_from(OnExhausted),
        "retry": st.sampled_from([0, 1, 3, -1]),
        "retry_timeout": st.booleans(),
        "concurrency": st.sampled_from([1, 2, 16]),
        "backoff_delay": st.sampled_from([0.0, 0.2]),
        "backoff_max": st.just(2.0),
        "timeout": st.just(5.0),
    }
)
scenarios = st.builds(
    Scenario,
    events=st.lists(published, min_size=1, max_size=14).map(tuple),
    lives=st.lists(lives, min_size=1, max_size=3).map(tuple),
    policy=policies,
    limits=st.tuples(st.sampled_from([1, 3, 100]), st.sampled_from([150, 10_000])),
    redelivers=st.booleans(),
)


class WatchedSource(MemorySource):
    """Remembers what it pushed."""

    def __init__(self, log: MemoryLog, world: World) -> None:
        super().__init__(log)
        self.redelivers = world.scenario.redelivers
        self.deliveries: list[Delivery] = []
        self.ending = asyncio.Event()
        self.revoked = False
        self._world = world

    async def run(self, intake: Any) -> None:
        reading = asyncio.create_task(super().run(intake))
        ending = asyncio.create_task(self.ending.wait())
        try:
            await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            reading.cancel()
            await asyncio.wait({reading, ending})
        if not reading.cancelled():
            reading.result()

    def _batch(self, partition: int, credit: int) -> list[Delivery]:
        return [] if self.revoked else super()._batch(partition, credit)

    def _delivery(self, partition: int, mark: Mark[int], record: Record) -> Delivery:
        one = super()._delivery(partition, mark, record)
        self.deliveries.append(one)
        return one

    def _settled(self, delivery: Delivery) -> None:
        super()._settled(delivery)
        self._world.settled(delivery)


@dataclass
class World:
    """The log and the sinks, and what is known of every event."""

    scenario: Scenario
    log: MemoryLog = field(default_factory=MemoryLog)
    progress: Progress = field(default_factory=Progress)
    healthy: bool = False
    tries: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    dead_tries: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    sending: set[str] = field(default_factory=set)
    durable: dict[Position, Outcome] = field(default_factory=dict)
    first_taken: list[str] = field(default_factory=list)
    buried: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sink = MemorySink(self.behave)
        self.dead = MemorySink(self.bury)
        self.unpublished = [at for at, one in enumerate(self.scenario.events) if one.late]
        for at, one in enumerate(self.scenario.events):
            if not one.late:
                self.publish(at)

    def publish(self, at: int) -> None:
        one = self.scenario.events[at]
        kind = "refused" if one.filtered else "test"
        self.log.append(cloud_event(str(at), type=kind, data=bytes(50)), one.key, one.partition)

    async def behave(self, delivery: Delivery) -> Answer | None:
        id = delivery.event.id
        self.sending.add(id)
        try:
            assert len(self.sending) <= self.scenario.policy["concurrency"]
            assert self.progress.books.drift == 0
            plan = self.scenario.events[int(id)].plan
            number, self.tries[id] = self.tries[id], self.tries[id] + 1
            await self.act(plan[number] if number < len(plan) else "take")
        finally:
            self.sending.discard(id)
        return None

    async def bury(self, delivery: Delivery) -> Answer | None:
        id = delivery.event.id
        plan = self.scenario.events[int(id)].dead_plan
        number, self.dead_tries[id] = self.dead_tries[id], self.dead_tries[id] + 1
        await self.act(plan[number] if number < len(plan) else "take")
        self.buried.add(id)
        return None

    async def act(self, verdict: str) -> None:
        if self.healthy:
            return
        if verdict in ERRORS:
            raise ERRORS[verdict]
        await asyncio.sleep({"take": 0.0, "slow": 2.0, "hang": 1e6}[verdict])

    def settled(self, delivery: Delivery) -> None:
        outcome, id = delivery.outcome, delivery.event.id
        assert outcome is not None
        if outcome is Outcome.RELEASED:
            return
        self.explain(delivery, outcome)
        position = (cast(int, delivery.partition), cast(Mark[int], delivery.position).position)
        if outcome is Outcome.DELIVERED and position not in self.durable:
            self.first_taken.append(id)
        self.durable[position] = outcome

    def explain(self, delivery: Delivery, outcome: Outcome) -> None:
        """Check that an event ended as it did for a reason."""
        id = delivery.event.id
        policy = self.scenario.policy["on_exhausted"]
        match outcome:
            case Outcome.DELIVERED:
                assert delivery.event in self.sink.events
            case Outcome.FILTERED:
                assert delivery.event.type == "refused"
            case Outcome.DEAD_LETTERED:
                assert id in self.buried
                assert policy is OnExhausted.DEAD_LETTER
            case Outcome.DROPPED:
                assert id in self.cancelled or policy is OnExhausted.DROP

    def check(self, source: WatchedSource, limit: int) -> None:
        """What must hold between any two steps."""
        assert self.progress.books.drift == 0
        unsettled = [one for one in source.deliveries if one.outcome is None]
        assert self.progress.books.in_flight == len(unsettled) <= limit
        for partition, committed in self.log.committed.items():
            for offset in range(committed):
                assert (partition, offset) in self.durable

    def check_order(self) -> None:
        lanes: dict[object, list[int]] = defaultdict(list)
        for id in self.first_taken:
            one = self.scenario.events[int(id)]
            by_key = self.scenario.policy["ordering"] is Ordering.KEY
            lanes[one.partition, one.key if by_key else None].append(self.place(int(id)))
        for places in lanes.values():
            assert places == sorted(places)

    def place(self, at: int) -> int:
        records = self.log.partitions[self.scenario.events[at].partition]
        return next(i for i, record in enumerate(records) if record.event.id == str(at))


async def live(world: World, life: Life) -> None:
    """Run one dispatcher from its start to its end."""
    scenario = world.scenario
    events, size = scenario.limits
    source = WatchedSource(world.log, world)
    dispatcher = Dispatcher(
        subscription(filters=({"exact": {"type": "test"}},), **scenario.policy),
        Route(source, world.sink, world.dead),
        world.progress,
        Limits(events, size, life.drain_timeout),
    )
    task = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(0)
    for action, pause, pick in life.actions:
        await asyncio.sleep(pause)
        world.check(source, events)
        act(world, source, dispatcher, (action, pick))
        if action == "settle down":
            await settle_down(world, source)
        world.check(source, events)
    await end(world, source, dispatcher, task, life)
    world.check(source, 0)
    assert (world.progress.waiting, world.progress.parked) == (0, 0)


def act(world: World, source: WatchedSource, dispatcher: Dispatcher, what: tuple[str, int]) -> None:
    action, pick = what
    unsettled = [one for one in source.deliveries if one.outcome is None]
    if action == "publish" and world.unpublished:
        world.publish(world.unpublished.pop(pick % len(world.unpublished)))
    elif action == "cancel" and unsettled:
        one = unsettled[pick % len(unsettled)]
        world.cancelled.add(one.event.id)
        dispatcher.cancel(one)


async def settle_down(world: World, source: WatchedSource) -> None:
    """Everything that was read has ended after a while, unless something is parked."""
    await asyncio.sleep(LONG)
    parked = world.progress.parked
    event(f"parked when settled down: {bool(parked)}")
    if not parked:
        assert world.progress.books.in_flight == 0
        assert all(one.outcome for one in source.deliveries)
        for partition, records in world.log.partitions.items():
            assert world.log.committed[partition] == len(records)


async def end(
    world: World,
    source: WatchedSource,
    dispatcher: Dispatcher,
    task: asyncio.Task[None],
    life: Life,
) -> None:
    """End a dispatcher, within the time that it has for it."""
    started = asyncio.get_running_loop().time()
    match life.end:
        case "drain":
            dispatcher.stop()
        case "source fails":
            world.log.broken = True
            world.log.wake()
            dispatcher.stop(SourceUnavailable("no word"))
        case "source stops":
            source.ending.set()
        case "hand back":
            hand_back(world, source, dispatcher)
        case "abort":
            task.cancel()
    with suppress(asyncio.CancelledError, SourceUnavailable):
        async with asyncio.timeout(LONG):
            await task
    world.log.broken = False
    assert asyncio.get_running_loop().time() - started <= life.drain_timeout + 0.1
    assert all(one.outcome for one in source.deliveries)


def hand_back(world: World, source: WatchedSource, dispatcher: Dispatcher) -> None:
    """Release everything: what nobody is working on is settled at once."""
    source.revoked = True
    dispatcher.release(source.deliveries)
    unsettled = [one for one in source.deliveries if one.outcome is None]
    assert len(unsettled) <= world.scenario.policy["concurrency"]
    assert world.progress.books.drift == 0
    assert (world.progress.waiting, world.progress.parked) == (0, 0)
    source.ending.set()


def timers() -> Iterator[asyncio.TimerHandle]:
    scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return (timer for timer in scheduled if not timer.cancelled())


async def play(scenario: Scenario) -> None:
    """Let all dispatchers of a scenario live, then a last one that meets no failure."""
    world = World(scenario)
    tasks, alarms = asyncio.all_tasks(), set(timers())
    for life in scenario.lives:
        await live(world, life)
    world.healthy = True
    for at in world.unpublished:
        world.publish(at)
    await live(world, Life((("settle down", 0.0, 0),), "drain", 20.0))
    assert len(world.durable) == len(scenario.events)
    if scenario.policy["ordering"] is not Ordering.NONE and scenario.redelivers:
        world.check_order()
    assert asyncio.all_tasks() == tasks
    assert set(timers()) <= alarms
    target(float(world.progress.books.received))


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(scenarios)
async def test_no_event_is_lost_doubled_or_overtaken_whatever_happens(scenario: Scenario) -> None:
    await play(scenario)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(
    max_examples=1200, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(scenarios)
async def test_the_same_over_many_more_schedules(scenario: Scenario) -> None:
    await play(scenario)


async def test_an_event_that_its_caller_gave_up_is_read_again() -> None:
    """The one outcome that the schedules leave out, since it breaks the order on purpose."""
    log = MemoryLog()
    log.append(cloud_event("1"))
    outcomes = iter([CallerGone("left")])

    async def behave(_: Delivery) -> Answer | None:
        if (error := next(outcomes, None)) is not None:
            raise error
        return None

    sink = MemorySink(behave)
    for taken in (0, 1):
        route = Route(MemorySource(log), sink)
        dispatcher = Dispatcher(subscription(), route, Progress(), Limits())
        async with at_work(dispatcher):
            await asyncio.sleep(1)
        assert sink.taken == taken
