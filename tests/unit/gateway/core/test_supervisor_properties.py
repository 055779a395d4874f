"""Whatever is wanted in whatever order: random changes, failing builds and slow drains."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.delivery import Answer, Delivery
from gateway.core.progress import State
from gateway.core.route import Limits, Route
from gateway.core.supervisor import Restarts, Supervisor
from gateway.errors import ConfigError, SourceUnavailable
from gateway.sinks.memory import MemorySink
from gateway.sources.memory import MemoryLog, MemorySource
from tests.support.background import at_work
from tests.support.events import event, subscription
from tests.support.waiting import until
from tidegate.api.subscription import Subscription

pytestmark = pytest.mark.looptime

ERRORS: dict[str, Exception] = {
    "refused": ConfigError("no such stream; create it"),
    "away": SourceUnavailable("the broker is away"),
    "bug": RuntimeError("a bug"),
}
CALM = 60.0
"""Longer than every drain and every wait between restarts."""


@dataclass(frozen=True)
class Step:
    """After `pause`, make `wanted` (trigger -> version) the ones that run."""

    pause: float
    wanted: dict[str, int]


@dataclass
class World:
    """Builds routes as planned, and knows which sources are open."""

    builds: list[str]
    runs: list[str]
    drain: float
    logs: dict[str, MemoryLog] = field(default_factory=lambda: defaultdict(MemoryLog))
    open: dict[str, int] = field(default_factory=dict)
    open_sinks: int = 0

    def build(self, one: Subscription) -> Route:
        verdict = self.builds.pop(0) if self.builds else ""
        if verdict in ERRORS:
            raise ERRORS[verdict]
        return Route(TrackedSource(self, one), TrackedSink(self))

    async def behave(self, _: Delivery) -> Answer | None:
        await asyncio.sleep(self.drain)
        return None


class TrackedSink(MemorySink):
    """Counts itself while it is open."""

    def __init__(self, world: World) -> None:
        super().__init__(world.behave)
        self._world = world
        world.open_sinks += 1

    async def close(self) -> None:
        self._world.open_sinks -= 1


class TrackedSource(MemorySource):
    """The only open one of its trigger, from the start of `run` to the end of `close`."""

    def __init__(self, world: World, one: Subscription) -> None:
        super().__init__(world.logs[one.trigger])
        self._world = world
        self._one = one

    async def run(self, intake: Any) -> None:
        assert self._one.trigger not in self._world.open
        self._world.open[self._one.trigger] = self._one.policy.retry
        verdict = self._world.runs.pop(0) if self._world.runs else ""
        if verdict in ERRORS:
            raise ERRORS[verdict]
        await super().run(intake)

    async def close(self) -> None:
        await asyncio.sleep(self._world.drain / 2)
        await super().close()
        self._world.open.pop(self._one.trigger, None)


def timers() -> Iterator[asyncio.TimerHandle]:
    scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return (timer for timer in scheduled if not timer.cancelled())


verdicts = st.lists(st.sampled_from(["", "", *ERRORS]), max_size=8)
steps = st.lists(
    st.builds(
        Step,
        st.sampled_from([0.0, 0.001, 0.3, 2.0, 30.0]),
        st.dictionaries(st.sampled_from("abc"), st.integers(0, 1)),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(verdicts, verdicts, st.sampled_from([0.0, 1.0, 6.0]), steps, st.booleans())
async def test_what_runs_at_last_is_what_is_wanted(
    builds: list[str], runs: list[str], drain: float, steps: list[Step], calm: bool
) -> None:
    world = World(builds, runs, drain)
    tasks, alarms = asyncio.all_tasks(), set(timers())
    restarts = Restarts(delay=0.5, delay_max=8.0)
    clock = asyncio.get_running_loop().time
    supervisor = Supervisor(world.build, Limits(drain_timeout=5.0), restarts, clock)
    running = asyncio.create_task(supervisor.run())
    for number, step in enumerate(steps):
        supervisor.want([subscription(name, retry=to) for name, to in step.wanted.items()])
        for name in step.wanted:
            world.logs[name].append(event(str(number)))
        await asyncio.sleep(step.pause)
        assert {one.trigger for one, _ in supervisor.progress()} == step.wanted.keys()
        assert all(progress.books.drift == 0 for _, progress in supervisor.progress())
    if calm:
        await asyncio.sleep(CALM + 9 * 8 * len(builds + runs))
        assert world.open == steps[-1].wanted
        assert world.open_sinks == len(world.open)
        assert all(p.state is State.RUNNING for _, p in supervisor.progress())
    supervisor.stop()
    supervisor.want([subscription("late")])
    async with asyncio.timeout(CALM):
        await running
    assert (world.open, world.open_sinks, list(supervisor.progress())) == ({}, 0, [])
    assert asyncio.all_tasks() == tasks
    assert set(timers()) <= alarms


async def test_a_filter_that_does_not_compile_leaves_no_sink_open() -> None:
    world = World([], [], 0)
    supervisor = Supervisor(world.build)
    async with at_work(supervisor):
        supervisor.want([subscription("a", filters=({"like": {"type": "x"}},))])
        await until(lambda: next(supervisor.progress())[1].state is State.REFUSED)
        assert world.open_sinks == 0


async def test_a_dead_letter_sink_is_closed_though_the_other_fails_to() -> None:
    closed = asyncio.Event()

    class Failing(MemorySink):
        async def close(self) -> None:
            raise OSError("reset")

    class Closing(MemorySink):
        async def close(self) -> None:
            closed.set()

    log = MemoryLog()
    supervisor = Supervisor(lambda _: Route(MemorySource(log), Failing(), Closing()))
    async with at_work(supervisor):
        supervisor.want([subscription("a")])
        await until(lambda: next(supervisor.progress())[1].state is State.RUNNING)
    assert closed.is_set()


async def test_a_change_ends_one_wait_and_not_those_after_it() -> None:
    world = World(["away"] * 100, [], 0)
    supervisor = Supervisor(world.build, restarts=Restarts(delay=1.0, delay_max=8.0))
    async with at_work(supervisor):
        for retry in (0, 1):
            supervisor.want([subscription("a", retry=retry)])
            await asyncio.sleep(60)
        assert 10 <= 100 - len(world.builds) <= 30


def test_a_failure_that_lasts_for_weeks_is_tried_again_at_the_longest_delay() -> None:
    restarts = Restarts(delay=1.0, delay_max=8.0)
    assert all(6.0 <= restarts.wait(failures) <= 10.0 for failures in (5, 100, 1_000_000))


@pytest.mark.parametrize("end", ["away", "end"])
async def test_a_time_of_work_or_an_end_makes_the_next_failure_the_first(end: str) -> None:
    """What fails after long work, or was changed after its end, is not made to wait long."""
    starts: list[float] = []
    clock = asyncio.get_running_loop().time

    class Source(MemorySource):
        async def run(self, intake: Any) -> None:
            starts.append(clock())
            if len(starts) < 5:
                raise SourceUnavailable("away")
            if len(starts) > 5:
                return
            await asyncio.sleep(100)
            if end == "away":
                raise SourceUnavailable("away")

    restarts = Restarts(delay=1.0, delay_max=64.0)
    supervisor = Supervisor(
        lambda _: Route(Source(MemoryLog()), MemorySink()), restarts=restarts, clock=clock
    )
    async with at_work(supervisor):
        supervisor.want([subscription("a")])
        await until(lambda: len(starts) == 5)
        await asyncio.sleep(100)
        if end == "end":
            assert supervisor._entries["default/HTTPTrigger/a/hello"].failures == 0
        else:
            await until(lambda: len(starts) == 6)
            assert starts[5] - starts[4] < 102


async def test_a_source_that_is_not_watched_may_be_silent() -> None:
    world = World([], [], 0)
    clock = asyncio.get_running_loop().time
    supervisor = Supervisor(world.build, restarts=Restarts(stall_timeout=10.0), clock=clock)
    async with at_work(supervisor):
        supervisor.want([subscription("a")])
        await asyncio.sleep(1000)
        ((_, progress),) = supervisor.progress()
        assert (progress.restarts, progress.state) == (0, State.RUNNING)


async def test_the_reason_of_a_bug_in_a_worker_is_the_bug_itself() -> None:
    async def behave(_: Delivery) -> Answer | None:
        raise ZeroDivisionError("dividing by the number of orders")

    log = MemoryLog()
    log.append(event("1"))
    supervisor = Supervisor(lambda _: Route(MemorySource(log), MemorySink(behave)))
    async with at_work(supervisor):
        supervisor.want([subscription("a")])
        ((_, progress),) = supervisor.progress()
        await until(lambda: progress.state is State.BACKING_OFF)
        assert progress.reason == "dividing by the number of orders"
