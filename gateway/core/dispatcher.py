"""Moves one subscription's deliveries from its source to its sink, and settles each once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence

from gateway.core.decisions import Pending
from gateway.core.delivery import Delivery, Outcome
from gateway.core.failures import Failures
from gateway.core.filters import accept
from gateway.core.guard import Guard
from gateway.core.held import Held
from gateway.core.progress import Progress, State
from gateway.core.retry import too_old
from gateway.core.route import Limits, Route
from gateway.errors import (
    CallerGone,
    ConfigError,
    EventExpired,
    EventRejected,
    NoEndpoint,
    SinkUnavailable,
    SourceUnavailable,
)
from tidegate.api.subscription import Subscription

logger = logging.getLogger(__name__)

STOP_AGAIN = 10.0
"""Seconds after which a source that still reads is told once more; it promises to need fewer."""

PAUSED = "spec.paused is set; `tidegate trigger resume` goes on where it stopped"

CLOSE_TIMEOUT = 10.0
"""Seconds that a source has to write out what was settled; it promises to need fewer."""


class Dispatcher:
    """One per subscription and start. The life of a delivery:

        push ─ filter says no ─────────────────────────────────> FILTERED
          │
        queued <───────── backoff over ───────── waiting ─ long ─> RELEASED, for later
          │ a worker takes it                       ^
        attempting ── SinkUnavailable, tries left ──┘
          │  │  └──── took it ─────────────────────────────────> DELIVERED
          │  └─ CallerGone, or a caller was told of a failure ─> RELEASED
          │ EventRejected, or no tries left
        given up ──┬─ onExhausted: drop ───────────────────────> DROPPED
                   ├─ onExhausted: park ──> parked (holds its lane; status says so)
                   └─ deadLetter ── write confirmed ───────────> DEAD_LETTERED
                          └─ write failed ──> waiting, and again, without end

    `Held` knows where each delivery is, and settles it. `Failures` decides over those that an
    attempt did not deliver. What is left is here: intake, workers, attempts, start and stop.

    A drain stops the reading and lets the rest finish; an abort settles what is left as
    RELEASED. Workers are tasks that live only while there is work: an idle subscription has
    one task, a busy one `concurrency` more, and no event has a task of its own.
    """

    def __init__(
        self, subscription: Subscription, route: Route, progress: Progress, limits: Limits
    ) -> None:
        self._id = subscription.id
        self._policy = subscription.policy
        self._route = route
        self._progress = progress
        self._clock = progress.clock
        self._drain_timeout = limits.drain_timeout
        self._accepts = accept(subscription.filters)
        self._guard = Guard(subscription, progress, limits.breaker, self._work_on)
        self._held = Held(subscription, progress, limits, self._guard, self._work_on)
        self._failures = Failures(subscription, route, progress, self._guard, self._held)
        self._at_work = (State.PAUSED, PAUSED) if subscription.paused else (State.RUNNING, "")
        self._workers = 0
        self._starting = 0
        self._group: asyncio.TaskGroup | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stopping: asyncio.TimerHandle | None = None
        self._ended_by: ConfigError | SourceUnavailable | None = None

    async def run(self) -> None:
        """Deliver until `stop` or until the source ends; then drain, abort the rest and close.

        Raises the `ConfigError` or `SourceUnavailable` that ended the source, after the drain.
        """
        unwatch = self._route.news(self.destination_changed) if self._route.news else None
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._reading = group.create_task(self._read(), name=f"{self._id}: reading")
                try:
                    await asyncio.wait({self._reading})
                    await self._drain()
                finally:
                    self._forget_stop()
                    self._abort()
        finally:
            if unwatch is not None:
                unwatch()
            self._held.release_all()
            await self._close_source()
        if self._ended_by is not None:
            raise self._ended_by

    def stop(self, failure: SourceUnavailable | None = None) -> None:
        """Stop reading and drain; `run` returns when that is done, or raises `failure`."""
        if self._ended_by is None:
            self._ended_by = failure
        if self._reading is not None and not self._reading.done():
            self._reading.cancel()
            # A client library may swallow the cancellation, and the drain would wait for ever.
            self._forget_stop()
            self._stopping = asyncio.get_running_loop().call_later(STOP_AGAIN, self.stop)

    def _forget_stop(self) -> None:
        if self._stopping is not None:
            self._stopping.cancel()

    def resume(self) -> None:
        """Begin anew with what is parked: whoever calls has mended what it failed on."""
        for delivery in self._held.resting.parked:
            delivery.attempts = 0
            self._held.again(delivery)

    def destination_changed(self) -> None:
        """Try now what waits for a destination that was not there."""
        for delivery in self._held.resting.waiting:
            if isinstance(delivery.last_error, NoEndpoint):
                self._held.again(delivery)
        self._guard.hurry()

    def pending(self) -> Iterator[Pending]:
        """Yield what is in flight."""
        return self._held.pending()

    @property
    def credit(self) -> int:
        """See `Intake.credit`. None while the breaker is open, but for an event to probe with."""
        allowance = self._held.allowance
        if not self._guard.pausing:
            return allowance.credit
        return 0 if allowance.held else min(allowance.credit, 1)

    def push(self, deliveries: Sequence[Delivery]) -> None:
        """See `Intake.push`. A filtered delivery is settled before this returns."""
        held = self._held
        now = self._clock()
        self._progress.last_received = now
        self.polled()
        self._progress.books.received += len(deliveries)
        for delivery in deliveries:
            delivery.received_at = now
            held.allowance.take(delivery.size)
            if self._accepts is None or self._accepts(delivery.event):
                held.lanes.enter(delivery)
            else:
                held.settle(delivery, Outcome.FILTERED)
        self._work_on()

    async def room(self) -> None:
        """See `Intake.room`."""
        allowance = self._held.allowance
        await allowance.room()
        while self._guard.pausing and allowance.held:
            await self._guard.over()
            await allowance.room()

    def polled(self) -> None:
        """See `Intake.polled`."""
        self._progress.last_polled = self._clock()
        if self._progress.state is State.STARTING:
            self._progress.state, self._progress.reason = self._at_work

    def lag(self, events: int | None = None, seconds: float | None = None) -> None:
        """See `Intake.lag`."""
        self._progress.lag_events = events
        self._progress.lag_seconds = seconds

    def known(self, *, parts: int | None = None, fired: str | None = None) -> None:
        """See `Intake.known`."""
        if parts is not None:
            self._progress.parts = parts
        if fired is not None:
            self._progress.fired = fired

    def uncommitted(self, change: int) -> bool:
        """See `Intake.uncommitted`."""
        allowance = self._held.allowance
        many = allowance.owe(change)
        self._progress.uncommitted = allowance.uncommitted
        return many

    def unwritable(self, reason: str) -> None:
        """See `Intake.unwritable`."""
        self._progress.unwritable = reason

    def lost(self, events: int) -> None:
        """See `Intake.lost`. Not in the books: these events were never received."""
        self._progress.lost += events

    def cancel(self, delivery: Delivery) -> None:
        """See `Intake.cancel`."""
        self._held.cancel(delivery)

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """See `Intake.release`."""
        self._held.recall(deliveries)

    def _work_on(self) -> None:
        """Have a worker for each delivery that is ready, up to what the breaker allows.

        Those that were called for and have not begun yet will take one each, too.
        """
        if self._group is None:
            return
        wanted = self._held.lanes.ready - self._starting
        for _ in range(min(wanted, self._guard.limit - self._workers)):
            self._workers += 1
            self._starting += 1
            self._group.create_task(self._work(), name=self._id)

    async def _work(self) -> None:
        """Take deliveries for as long as one is ready."""
        self._starting -= 1
        task = asyncio.current_task()
        assert task is not None
        held = self._held
        in_order = False
        try:
            while self._workers <= self._guard.limit:
                delivery = held.lanes.take()
                if delivery is None:
                    break
                held.active[delivery] = task
                try:
                    if self._is_special(delivery):
                        await self._advance(delivery)
                    else:
                        await self._attempt(delivery)
                except asyncio.CancelledError:
                    if delivery not in held.cancelled:
                        raise
                    task.uncancel()
                    held.end(delivery, Outcome.DROPPED)
            in_order = True
        finally:
            self._workers -= 1
            if not in_order:
                self._group = None  # it ends with this worker: nothing can be started in it

    def _is_special(self, delivery: Delivery) -> bool:
        """Whether anything but an attempt may come next. Cheap, since almost nothing is."""
        held = self._held
        return bool(
            (held.cancelled and delivery in held.cancelled)
            or (held.condemned and delivery in held.condemned)
            or self._policy.max_age is not None
        )

    async def _advance(self, delivery: Delivery) -> None:
        """Do the next step of a delivery that is ready."""
        if delivery in self._held.cancelled:
            self._held.end(delivery, Outcome.DROPPED)
        elif delivery in self._held.condemned:
            await self._failures.dead_letter(delivery)
        elif self._policy.max_age is not None and too_old(delivery.event, self._policy.max_age):
            reason = EventExpired(f"the event is older than maxAge ({self._policy.max_age:g} s)")
            await self._failures.give_up(delivery, reason)
        else:
            await self._attempt(delivery)

    async def _attempt(self, delivery: Delivery) -> None:
        """Send once, and decide by what came of it."""
        started = self._clock()
        deadline = asyncio.get_running_loop().time() + self._policy.timeout
        try:
            delivery.answer = await self._route.sink.send(delivery, deadline)
        except SinkUnavailable as error:
            delivery.took = self._clock() - started
            await self._failures.unavailable(delivery, error)
        except EventRejected as error:
            delivery.took = self._clock() - started
            await self._failures.rejected(delivery, error)
        except CallerGone as error:
            delivery.took = self._clock() - started
            self._failures.abandoned(delivery, error)
        else:
            delivery.attempts += 1
            self._progress.attempts["success"] += 1
            delivery.took = took = self._clock() - started
            self._progress.durations.observe(took)
            self._held.end(delivery, Outcome.DELIVERED)
            if self._guard.alert:
                self._guard.answered()

    async def _read(self) -> None:
        """Run the source; keep for later why it ended."""
        try:
            await self._route.source.run(self)
        except (ConfigError, SourceUnavailable) as error:
            self._ended_by = self._ended_by or error

    async def _drain(self) -> None:
        """Let what is held finish; what would come again anyway is handed back at once."""
        self._progress.state = State.DRAINING
        self._held.drain(redelivers=self._route.source.redelivers)
        self._work_on()
        try:
            async with asyncio.timeout(self._drain_timeout):
                await self._held.empty()
        except TimeoutError:
            logger.warning(
                "%s: %d deliveries did not end within %g s and are handed back",
                self._id,
                self._held.allowance.held,
                self._drain_timeout,
            )

    def _abort(self) -> None:
        """Start nothing any more, and end the attempts that are under way."""
        self._group = None
        self._guard.close()
        self._held.release_inactive()
        for worker in self._held.active.values():
            worker.cancel()

    async def _close_source(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._route.source.close()
        except TimeoutError:
            message = "%s: its source did not close within %g s; what was not written comes again"
            logger.warning(message, self._id, CLOSE_TIMEOUT)
        finally:
            self._progress.uncommitted, self._progress.unwritable = 0, ""
