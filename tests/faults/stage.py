"""One run: a feed, a function that fails, gateways as processes, and what became of it all."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp

from gateway.settings import (
    AdminSettings,
    DeadLetterSettings,
    HttpSettings,
    LimitSettings,
    Settings,
)
from tests.faults.feeds import CALLS, HELD, Feed
from tests.faults.function import FailingFunction, served
from tests.faults.gateways import PERIOD, GatewayProcess, gateway_process
from tests.faults.letters import FileTarget, HttpTarget
from tests.faults.orders import Order, fate, orders
from tests.faults.replica import Plan
from tests.faults.sizes import Sizes
from tests.faults.verdict import (
    Disturbance,
    Promise,
    Run,
    Sample,
    complaints,
    mebibytes,
    repetitions_by_cause,
)
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, OnExhausted, Ordering, Subscription

PACE = 0.004
"""Seconds of work that an order is for the function."""

SLOW = 0.1
"""The same while something else shall have its time."""

LATE = 3.0
"""Seconds after a fault in which the function may still take what it was called with before."""

POLICY = DeliveryPolicy(
    retry=6,
    backoff_delay=0.02,
    backoff_max=0.2,
    timeout=20.0,
    on_exhausted=OnExhausted.DEAD_LETTER,
    ordering=Ordering.KEY,
    concurrency=CALLS,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a run is made of. `seed` decides every fate and every moment of it."""

    feed: Feed
    folder: Path
    seed: str
    sizes: Sizes


@dataclass
class Stage:
    """What a case acts on."""

    scene: Scene
    function: FailingFunction
    target: FileTarget | HttpTarget
    stack: AsyncExitStack
    policy: DeliveryPolicy = POLICY
    published: list[Order] = field(default_factory=list)
    poison: set[Order] = field(default_factory=set)
    """The published orders that the function never takes."""

    disturbances: list[Disturbance] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    gateways: list[GatewayProcess] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """What was done, and when: for the reader of a failure."""

    killed: int = 0

    def __post_init__(self) -> None:
        self.feed, self.sizes = self.scene.feed, self.scene.sizes
        self.chance = random.Random(self.scene.seed)
        self.begun = time.monotonic()

    async def publish(self, count: int) -> None:
        """Publish the next `count` orders."""
        more = orders(count, self.sizes.keys, first=len(self.published))
        await self.feed.publish(more)
        self.published += more
        self.poison.update(one for one in more if fate(self.scene.seed, one).poison)

    async def start(self) -> GatewayProcess:
        """Start one more gateway."""
        number = len(self.gateways)
        folder = self.scene.folder / f"gateway{number}"
        context = gateway_process(self._plan(folder), folder)
        one = await self.stack.enter_async_context(context)
        self.gateways.append(one)
        self._tell(f"gateway{number} runs")
        return one

    async def kill(self, gateway: GatewayProcess) -> None:
        """End a gateway by SIGKILL."""
        async with self.disturbed(f"{gateway.name} was killed", self.feed.killed):
            await gateway.kill()
        self.killed += 1

    async def stop(self, gateway: GatewayProcess) -> None:
        """Drain a gateway."""
        async with self.moved(f"{gateway.name} was drained", HELD):
            await gateway.stop()
        assert gateway.process.returncode == 0, gateway.log.read_text()

    @asynccontextmanager
    async def moved(self, name: str, limit: int) -> AsyncIterator[None]:
        """Note what is done in the block, which repeats nothing but with a forgetful source."""
        if self.feed.forgetful:
            async with self.disturbed(name, limit):
                yield
        else:
            yield
            self._tell(name)

    @asynccontextmanager
    async def disturbed(self, name: str, limit: int) -> AsyncIterator[None]:
        """Note what is done in the block as the cause of at most `limit` repetitions."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self._tell(f"{name} (for {time.monotonic() - begin:.3f} s)")
            # What the function was at when it happened is taken a moment later.
            end = time.monotonic() + self.function.pace + LATE
            self.disturbances.append(Disturbance(name, begin, end, limit))

    @property
    def taken(self) -> int:
        """How many different orders the function has taken."""
        return len(self.function.different)

    @property
    def left(self) -> int:
        """How many published orders it still has to take."""
        return len(self.published) - len(self.poison) - self.taken

    async def until_taken(self, count: int) -> None:
        """Wait until the function has taken `count` orders, or all there are if those are fewer."""
        await self.until_function(lambda: self.taken >= count or not self.left)

    async def until_function(self, happened: Callable[[], bool]) -> None:
        """Wait for something that the function knows."""
        await self.function.until(happened, self.sizes.deadline)

    async def until_metric(self, gateway: GatewayProcess, name: str, least: float) -> None:
        """Wait until a gateway's metrics say so."""
        await until(lambda: gateway.metrics.get(name, 0) >= least, timeout=self.sizes.deadline)

    def moment(self, first: float, last: float) -> int:
        """Draw a number of orders between two shares of all."""
        count = self.sizes.events
        return self.chance.randrange(int(first * count), int(last * count))

    async def finish(self) -> None:
        """Wait until every order has ended, and drain the gateways that are left."""
        try:
            await self.until_function(lambda: not self.left)
            await until(self._all_written, timeout=self.sizes.deadline, every=0.1)
        except TimeoutError:
            return  # the verdict says what is missing
        for gateway in self.gateways:
            if gateway.running:
                await self._settled(gateway)
                await self.stop(gateway)
        unnoted = await self.feed.unnoted(len(self.published))
        assert not unnoted, f"the broker would bring {unnoted} orders again, though all have ended"

    def _all_written(self) -> bool:
        return len(set(self.target.written())) >= len(self.poison)

    async def _settled(self, gateway: GatewayProcess) -> None:
        def nothing_held() -> bool:
            return gateway.metrics.get("tidegate_in_flight") == 0

        await until(nothing_held, timeout=self.sizes.deadline)

    def run(self) -> Run:
        """Return what happened so far."""
        return Run(
            self.published,
            frozenset(self.poison),
            self.function.taken,
            self.target.written(),
            self.disturbances,
            self.samples,
        )

    def judge(self, promise: Promise) -> str:
        """Fail with every promise that was broken; return the run's figures in a sentence."""
        letters = self.killed * self.policy.concurrency
        allowed = replace(promise, letters_repeated=letters, in_flight=HELD)
        run = self.run()
        wrong = complaints(run, allowed)
        figures = (
            f"{len(run.published)} events in {time.monotonic() - self.begun:.0f} s, "
            f"{run.repeats} repeated ({self._after_kills(run)}), {len(run.strays)} out of order, "
            f"at most {run.in_flight:.0f} in flight, "
            f"{len(set(run.letters))} dead letters, at most {mebibytes(run.resident)} "
            f"(grown by {mebibytes(run.growth)})"
        )
        assert not wrong, "\n".join([*wrong, figures])
        return figures

    def _after_kills(self, run: Run) -> str:
        counted = repetitions_by_cause(run)
        most = max((count for cause, count in counted.items() if cause is not None), default=0)
        return f"{most} for one cause"

    def _tell(self, event: str) -> None:
        self.events.append(f"{time.monotonic():.3f}: {event}, {self.taken} were taken")

    def account(self) -> str:
        """Say what was done when, and how to do it again."""
        seed = self.scene.seed.partition("/")[0]
        self._tell(f"this is the end: of {len(self.published)} orders {self.left} were not taken")
        replay = f"to replay it, set TIDEGATE_FAULTS_SEED={seed}"
        return "\n".join([*self.events, f"{replay}; the logs are in {self.scene.folder}"])

    def _plan(self, folder: Path) -> Plan:
        settings = Settings(
            limits=LimitSettings(queued_events=HELD),
            http=HttpSettings(port=0),
            admin=AdminSettings(port=0),
            dead_letters=DeadLetterSettings(folder),
        )
        policy = replace(self.policy, dead_letter=self.target.dead_letter)
        one = Subscription(
            "default", self.feed.kind, "orders", "hello", self.feed.source(), policy=policy
        )
        return Plan(one, self.feed.adapt(settings), self.function.address)

    async def watch(self) -> None:
        """Look at every gateway again and again, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                for gateway in self.gateways:
                    if gateway.running and (sample := await gateway.look(session)) is not None:
                        self.samples.append(sample)
                await asyncio.sleep(PERIOD)  # the pace of the samples


@asynccontextmanager
async def stage(scene: Scene, target: FileTarget | HttpTarget) -> AsyncIterator[Stage]:
    """Set a stage for the length of the block."""
    function = FailingFunction(lambda order: fate(scene.seed, order), PACE)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(served(function))
        one = Stage(scene, function, target, stack)
        watching = asyncio.create_task(one.watch(), name="samples")
        try:
            yield one
        except (AssertionError, TimeoutError) as error:
            error.add_note(one.account())
            raise
        finally:
            watching.cancel()
            await asyncio.wait({watching})
        if not watching.cancelled():
            watching.result()
