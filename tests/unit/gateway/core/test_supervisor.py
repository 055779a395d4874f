"""The supervisor over real dispatchers and memory adapters, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from gateway.core.delivery import Answer, Delivery
from gateway.core.progress import Progress, State
from gateway.core.route import Route
from gateway.core.source import Intake
from gateway.core.supervisor import Restarts, Supervisor
from gateway.errors import ConfigError, SourceUnavailable
from gateway.sinks.memory import MemorySink
from gateway.sources.memory import MemoryLog, MemorySource
from tests.support.background import at_work
from tests.support.events import event, subscription
from tests.support.waiting import until
from tidegate.api.subscription import Subscription

pytestmark = pytest.mark.looptime


class World:
    """One log per trigger, one sink for all, and a count of what was built."""

    def __init__(self) -> None:
        self.logs: dict[str, MemoryLog] = {}
        self.sink = MemorySink(self.behave)
        self.built: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.pause = 0.0
        self.running = self.peak = 0

    def log(self, name: str) -> MemoryLog:
        return self.logs.setdefault(name, MemoryLog())

    def build(self, subscription: Subscription) -> Route:
        self.built.append(subscription.trigger)
        if subscription.trigger in self.broken:
            raise self.broken[subscription.trigger]
        return Route(MemorySource(self.log(subscription.trigger)), self.sink)

    async def behave(self, _: Delivery) -> Answer | None:
        self.running += 1
        self.peak = max(self.peak, self.running)
        await asyncio.sleep(self.pause)
        self.running -= 1
        return None


@asynccontextmanager
async def supervising(
    world: World, build: Callable[[Subscription], Route] | None = None, **restarts: float
) -> AsyncIterator[Supervisor]:
    clock = asyncio.get_running_loop().time
    supervisor = Supervisor(build or world.build, restarts=Restarts(**restarts), clock=clock)
    async with at_work(supervisor):
        yield supervisor


def progress_of(supervisor: Supervisor, trigger: str) -> Progress:
    return next(p for s, p in supervisor.progress() if s.trigger == trigger)


@pytest.mark.regression("Kubeless: deleting a trigger waits for a consumer that listens to nobody")
async def test_what_is_wanted_runs_and_what_is_not_stops() -> None:
    world = World()
    async with supervising(world) as supervisor:
        supervisor.want([subscription("a"), subscription("b")])
        world.log("a").append(event("1"))
        await world.sink.until(1)
        supervisor.want([subscription("b")])
        world.log("a").append(event("2"))
        world.log("b").append(event("3"))
        await world.sink.until(2)
        await asyncio.sleep(5)
        assert [one.id for one in world.sink.events] == ["1", "3"]
        assert [s.trigger for s, _ in supervisor.progress()] == ["b"]


async def test_an_equal_subscription_is_not_restarted() -> None:
    world = World()
    async with supervising(world) as supervisor:
        supervisor.want([subscription("a")])
        await until(lambda: world.built == ["a"])
        supervisor.want([subscription("a")])
        await asyncio.sleep(5)
        assert world.built == ["a"]


async def test_a_changed_subscription_drains_before_the_new_one_reads() -> None:
    world = World()
    world.pause = 3.0
    async with supervising(world) as supervisor:
        supervisor.want([subscription("a", concurrency=1)])
        for number in range(4):
            world.log("a").append(event(str(number)))
        await until(lambda: world.running == 1)
        supervisor.want([subscription("a", concurrency=1, retry=3)])
        await world.sink.until(4)
        assert world.peak == 1
        assert [one.id for one in world.sink.events] == ["0", "1", "2", "3"]
        assert progress_of(supervisor, "a").books.drift == 0


@pytest.mark.regression("Kubeless: one trigger that cannot be set up ends the whole process")
async def test_one_broken_trigger_does_not_hurt_another() -> None:
    world = World()
    world.broken["bad"] = RuntimeError("a bug")
    async with supervising(world, delay=1.0) as supervisor:
        supervisor.want([subscription("bad"), subscription("good")])
        world.log("good").append(event("1"))
        await world.sink.until(1)
        await until(lambda: world.built.count("bad") >= 3)
        bad = progress_of(supervisor, "bad")
        assert bad.state is State.BACKING_OFF
        assert bad.reason == "a bug"


async def test_a_users_mistake_is_said_once_and_looked_at_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.broken["a"] = ConfigError("stream ORDERS does not exist; create it")
    async with supervising(world, delay_max=30.0) as supervisor:
        supervisor.want([subscription("a")])
        await until(lambda: progress_of(supervisor, "a").state is State.REFUSED)
        await asyncio.sleep(100)
        assert len(world.built) == 4
        assert "create it" in progress_of(supervisor, "a").reason
        assert caplog.text.count("create it") == 1
        del world.broken["a"]
        world.log("a").append(event("1"))
        await world.sink.until(1)
        assert progress_of(supervisor, "a").state is State.RUNNING
        assert progress_of(supervisor, "a").reason == ""


async def test_a_changed_mistake_is_looked_at_at_once() -> None:
    world = World()
    world.broken["a"] = ConfigError("no such stream")
    async with supervising(world) as supervisor:
        supervisor.want([subscription("a")])
        await until(lambda: progress_of(supervisor, "a").state is State.REFUSED)
        del world.broken["a"]
        supervisor.want([subscription("a", retry=1)])
        world.log("a").append(event("1"))
        async with asyncio.timeout(1):
            await world.sink.until(1)


async def test_the_wait_between_restarts_grows_and_is_capped() -> None:
    world = World()
    world.broken["a"] = SourceUnavailable("refused")
    times: list[float] = []

    def build(one: Subscription) -> Route:
        times.append(asyncio.get_running_loop().time())
        return world.build(one)

    async with supervising(world, build, delay=1.0, delay_max=8.0) as supervisor:
        supervisor.want([subscription("a")])
        await until(lambda: len(times) >= 8)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert 0.7 <= waits[0] <= 1.3
    assert waits[1] > 1.5
    assert all(wait <= 8.0 * 1.2 + 0.1 for wait in waits)
    assert waits[-1] > 6.0


async def test_a_source_that_hears_nothing_is_made_anew() -> None:
    world = World()

    class Deaf(MemorySource):
        watched = True

        async def run(self, intake: Intake) -> None:
            intake.polled()
            await asyncio.Event().wait()

    def build(one: Subscription) -> Route:
        world.built.append(one.trigger)
        source = Deaf if len(world.built) == 1 else MemorySource
        return Route(source(world.log("a")), world.sink)

    world.log("a").append(event("1"))
    async with supervising(world, build, stall_timeout=10.0) as supervisor:
        supervisor.want([subscription("a")])
        await world.sink.until(1)
        assert progress_of(supervisor, "a").restarts == 1


async def test_a_source_that_has_ended_rests_until_a_change() -> None:
    world = World()

    class Ended(MemorySource):
        async def run(self, intake: Intake) -> None:
            return

    def build(one: Subscription) -> Route:
        world.built.append(one.trigger)
        return Route(Ended(MemoryLog()), world.sink)

    async with supervising(world, build) as supervisor:
        supervisor.want([subscription("a")])
        await until(lambda: progress_of(supervisor, "a").state is State.STOPPED)
        await asyncio.sleep(100)
        assert world.built == ["a"]


@pytest.mark.regression("Kubeless: maps of the whole process are changed without a lock")
async def test_progress_may_be_read_while_what_is_wanted_changes() -> None:
    world = World()
    async with supervising(world) as supervisor:
        supervisor.want([subscription("a"), subscription("b")])
        reading = supervisor.progress()
        first, _ = next(reading)
        supervisor.want([subscription("a"), subscription("b"), subscription("c")])
        assert [first.trigger, *(one.trigger for one, _ in reading)] == ["a", "b"]
