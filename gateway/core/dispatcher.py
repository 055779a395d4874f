"""Moves one subscription's deliveries from its source to its sink, and settles each once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial

from gateway.core.allowance import Allowance
from gateway.core.breaker import is_systemic
from gateway.core.delivery import Delivery, Outcome
from gateway.core.filters import accept
from gateway.core.guard import Guard
from gateway.core.lanes import Lanes
from gateway.core.progress import Progress, State
from gateway.core.resting import Condemned, Resting
from gateway.core.retry import RetryPolicy, too_old
from gateway.core.route import Limits, Route
from gateway.errors import (
    AttemptTimeout,
    CallerGone,
    ConfigError,
    EventExpired,
    EventRejected,
    NoEndpoint,
    SinkUnavailable,
    SourceUnavailable,
)
from tidegate.api.subscription import OnExhausted, Ordering, Subscription

logger = logging.getLogger(__name__)

STOP_AGAIN = 10.0
"""Seconds after which a source that still reads is told once more; it promises to need fewer."""

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

    A drain stops the reading and lets the rest finish; an abort settles what is left as
    RELEASED. Workers are tasks that live only while there is work: an idle subscription has
    one task, a busy one `concurrency` more, and no event has a task of its own.
    """

    def __init__(
        self, subscription: Subscription, route: Route, progress: Progress, limits: Limits
    ) -> None:
        policy = subscription.policy
        self._id = subscription.id
        self._policy = policy
        self._route = route
        self._progress = progress
        self._clock = progress.clock
        self._books = progress.books
        self._books.holding = self._holding
        self._limits = limits
        self._accepts = accept(subscription.filters)
        self._retry = RetryPolicy(policy)
        self._lanes = Lanes(policy.ordering)
        self._active: dict[Delivery, asyncio.Task[None]] = {}
        self._resting = Resting(progress, limits.events)
        self._condemned = Condemned(progress)
        self._cancelled: set[Delivery] = set()
        self._recalled: set[Delivery] = set()
        self._guard = Guard(subscription, progress, limits.breaker, self._work_on)
        self._allowance = Allowance(limits.events, limits.bytes, limits.budget)
        self._workers = 0
        self._draining = False
        self._starting = 0
        self._idle = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stopping: asyncio.TimerHandle | None = None
        self._failure: ConfigError | SourceUnavailable | None = None

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
            self._release([*self._at_rest(), *self._active])
            self._active.clear()
            await self._close_source()
        if self._failure is not None:
            raise self._failure

    def stop(self, failure: SourceUnavailable | None = None) -> None:
        """Stop reading and drain; `run` returns when that is done, or raises `failure`."""
        if self._failure is None:
            self._failure = failure
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
        for delivery in self._resting.parked:
            delivery.attempts = 0
            self._retry_now(delivery)

    def destination_changed(self) -> None:
        """Try now what waits for a destination that was not there."""
        for delivery in self._resting.waiting:
            if isinstance(delivery.last_error, NoEndpoint):
                self._retry_now(delivery)
        self._guard.hurry()

    # The intake: what the source calls.

    @property
    def credit(self) -> int:
        """See `Intake.credit`. None while the breaker is open, but for an event to probe with."""
        if not self._guard.pausing:
            return self._allowance.credit
        return 0 if self._allowance.held else min(self._allowance.credit, 1)

    def push(self, deliveries: Sequence[Delivery]) -> None:
        """See `Intake.push`. A filtered delivery is settled before this returns."""
        now = self._clock()
        self._progress.last_received = now
        self.polled()
        self._books.received += len(deliveries)
        for delivery in deliveries:
            delivery.received_at = now
            self._allowance.take(delivery.size)
            if self._accepts is None or self._accepts(delivery.event):
                self._lanes.enter(delivery)
            else:
                self._settle(delivery, Outcome.FILTERED)
        self._work_on()

    async def room(self) -> None:
        """See `Intake.room`."""
        await self._allowance.room()
        while self._guard.pausing and self._allowance.held:
            await self._guard.over()
            await self._allowance.room()

    def polled(self) -> None:
        """See `Intake.polled`."""
        self._progress.last_polled = self._clock()
        if self._progress.state is State.STARTING:
            self._progress.state, self._progress.reason = State.RUNNING, ""

    def lag(self, events: int | None = None, seconds: float | None = None) -> None:
        """See `Intake.lag`."""
        self._progress.lag_events = events
        self._progress.lag_seconds = seconds

    def lost(self, events: int) -> None:
        """See `Intake.lost`. Not in the books: these events were never received."""
        self._progress.lost += events

    def cancel(self, delivery: Delivery) -> None:
        """See `Intake.cancel`."""
        if delivery.outcome is not None:
            return
        self._cancelled.add(delivery)
        if delivery in self._active:
            self._active[delivery].cancel()
        elif delivery in self._resting:
            self._resting.remove(delivery)
            self._end(delivery, Outcome.DROPPED)
            self._work_on()

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """See `Intake.release`."""
        unsettled = {one for one in deliveries if one.outcome is None}
        self._recalled |= unsettled & self._active.keys()
        left = unsettled - self._recalled
        for delivery in self._lanes.withdraw(left):
            self._conclude(delivery, Outcome.RELEASED)
        for delivery in left:
            if delivery in self._resting:
                self._resting.remove(delivery)
                self._end(delivery, Outcome.RELEASED)
        self._work_on()

    # Working.

    def _work_on(self) -> None:
        """Have a worker for each delivery that is ready, up to what the breaker allows.

        Those that were called for and have not begun yet will take one each, too.
        """
        if self._group is None:
            return
        wanted = self._lanes.ready - self._starting
        for _ in range(min(wanted, self._guard.limit - self._workers)):
            self._workers += 1
            self._starting += 1
            self._group.create_task(self._work(), name=self._id)

    async def _work(self) -> None:
        """Take deliveries for as long as one is ready."""
        self._starting -= 1
        task = asyncio.current_task()
        assert task is not None
        in_order = False
        try:
            while self._workers <= self._guard.limit:
                delivery = self._lanes.take()
                if delivery is None:
                    break
                self._active[delivery] = task
                try:
                    if self._is_special(delivery):
                        await self._advance(delivery)
                    else:
                        await self._attempt(delivery)
                except asyncio.CancelledError:
                    if delivery not in self._cancelled:
                        raise
                    task.uncancel()
                    self._end(delivery, Outcome.DROPPED)
            in_order = True
        finally:
            self._workers -= 1
            if not in_order:
                self._group = None  # it ends with this worker: nothing can be started in it

    def _is_special(self, delivery: Delivery) -> bool:
        """Whether anything but an attempt may come next. Cheap, since almost nothing is."""
        return bool(
            (self._cancelled and delivery in self._cancelled)
            or (self._condemned and delivery in self._condemned)
            or self._policy.max_age is not None
        )

    async def _advance(self, delivery: Delivery) -> None:
        """Do the next step of a delivery that is ready."""
        if delivery in self._cancelled:
            self._end(delivery, Outcome.DROPPED)
        elif delivery in self._condemned:
            await self._dead_letter(delivery)
        elif self._policy.max_age is not None and too_old(delivery.event, self._policy.max_age):
            reason = EventExpired(f"the event is older than maxAge ({self._policy.max_age:g} s)")
            await self._give_up(delivery, reason)
        else:
            await self._attempt(delivery)

    async def _attempt(self, delivery: Delivery) -> None:
        """Send once, and decide by what came of it."""
        started = self._clock()
        deadline = asyncio.get_running_loop().time() + self._policy.timeout
        try:
            delivery.answer = await self._route.sink.send(delivery, deadline)
        except SinkUnavailable as error:
            self._note("timeout" if isinstance(error, AttemptTimeout) else "unavailable", error)
            await self._unavailable(delivery, error)
        except EventRejected as error:
            self._note("rejected", error)
            delivery.attempts += 1
            if self._guard.alert:
                self._guard.answered()
            await self._give_up(delivery, error)
        except CallerGone as error:
            delivery.last_error = error
            self._end(delivery, Outcome.RELEASED)
        else:
            delivery.attempts += 1
            self._progress.attempts["success"] += 1
            self._progress.durations.observe(self._clock() - started)
            self._end(delivery, Outcome.DELIVERED)
            if self._guard.alert:
                self._guard.answered()

    async def _unavailable(self, delivery: Delivery, error: SinkUnavailable) -> None:
        """Try again later, or give up. Who waits does not wait for an endpoint without end."""
        delivery.failed(error)
        waited_for = delivery.call is not None or delivery.asked
        if waited_for or self._retry.charges(error):
            delivery.attempts += 1
        if not is_systemic(error):
            if self._guard.alert:
                self._guard.answered()
        elif delivery.call is None:
            self._guard.suspect(delivery, error)
        if self._retry.exhausted(delivery) or not self._retry.covers(error):
            await self._give_up(delivery, error)
        else:
            self._wait(delivery, self._retry.delay(delivery.attempts, error.retry_after))

    async def _give_up(self, delivery: Delivery, error: Exception) -> None:
        """End what cannot be delivered, by policy. A waiting caller is told instead of parked."""
        delivery.failed(error)
        match self._policy.on_exhausted:
            case OnExhausted.DEAD_LETTER if self._route.dead_letter is not None:
                self._condemned.add(delivery)
                await self._dead_letter(delivery)
            case _ if delivery.call is not None:
                self._end(delivery, Outcome.RELEASED)
            case OnExhausted.DROP:
                self._end(delivery, Outcome.DROPPED)
            case _:
                self._park(delivery, error)

    async def _dead_letter(self, delivery: Delivery) -> None:
        """Write to the dead-letter sink until it confirms; meanwhile the lane waits.

        A caller does not: who is told of a failure still has the event.
        """
        sink = self._route.dead_letter
        assert sink is not None
        deadline = asyncio.get_running_loop().time() + self._policy.timeout
        try:
            await sink.send(delivery, deadline)
        except (SinkUnavailable, EventRejected, CallerGone) as error:
            self._progress.last_error = f"dead letter of {delivery.event.id}: {error}"
            if delivery.call is not None:
                self._end(delivery, Outcome.RELEASED)
            else:
                self._dead_letter_later(delivery, error)
        else:
            self._end(delivery, Outcome.DEAD_LETTERED)

    def _dead_letter_later(self, delivery: Delivery, error: Exception) -> None:
        tries = self._condemned.refused(delivery)
        if tries == 1:
            message = "%s: dead letter of %s not written, trying until it is: %s"
            logger.warning(message, self._id, delivery.event.id, error)
        self._wait(delivery, self._retry.delay(tries))

    def _park(self, delivery: Delivery, error: Exception) -> None:
        if self._draining or delivery in self._recalled:
            self._end(delivery, Outcome.RELEASED)
            return
        self._active.pop(delivery, None)
        self._resting.park(delivery)
        logger.error(
            "%s: parked %s after %d attempts: %s; mend the function, or set delivery.deadLetter "
            "or delivery.onExhausted: drop",
            self._id,
            delivery.event.id,
            delivery.attempts,
            error,
        )

    # Waiting between attempts.

    def _wait(self, delivery: Delivery, delay: float) -> None:
        if delivery in self._recalled or (self._draining and self._route.source.redelivers):
            self._end(delivery, Outcome.RELEASED)
            return
        self._active.pop(delivery, None)
        here = self._resting.patience(delivery) if self._may_postpone(delivery) else delay
        if delay <= here:
            self._resting.wait(delivery, delay, self._retry_now)
        else:
            self._resting.wait(delivery, here, partial(self._postpone, delay - here))

    def _may_postpone(self, delivery: Delivery) -> bool:
        """Whether `delivery` holds up nobody, and is not on its way to the dead-letter sink."""
        return self._policy.ordering is Ordering.NONE and delivery not in self._condemned

    def _postpone(self, rest: float, delivery: Delivery) -> None:
        """Leave the rest of a long wait to the source, so that it takes no place here.

        Not while the breaker may still forgive what was tried: the source would remember it.
        """
        self._resting.remove(delivery)
        if self._guard.suspects(delivery):
            self._resting.wait(delivery, rest, self._retry_now)
        else:
            delivery.delay = rest
            self._end(delivery, Outcome.RELEASED)

    def _retry_now(self, delivery: Delivery) -> None:
        self._resting.remove(delivery)
        self._lanes.again(delivery)
        self._work_on()

    # Ending.

    def _end(self, delivery: Delivery, outcome: Outcome) -> None:
        """Settle a delivery that holds a lane, and let its successor go."""
        self._active.pop(delivery, None)
        self._lanes.leave(delivery)
        self._conclude(delivery, outcome)

    def _conclude(self, delivery: Delivery, outcome: Outcome) -> None:
        """Forget what is known of a delivery beside its place, and settle it."""
        if self._condemned and self._condemned.forget(delivery):
            logger.info("%s: dead letters are written again", self._id)
        if self._guard.alert:
            self._guard.ended(delivery, outcome)
        if self._cancelled:
            self._cancelled.discard(delivery)
        if self._recalled:
            self._recalled.discard(delivery)
        self._settle(delivery, outcome)

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        self._books.outcomes[outcome] += 1
        self._progress.last_settled = self._clock()
        delivery.settle(outcome)
        self._allowance.give_back(delivery.size)
        if not self._allowance.held:
            self._idle.set()
            self._guard.nothing_held()

    def _release(self, deliveries: Iterable[Delivery]) -> None:
        """Hand `deliveries` back. Their lanes are past: nothing is taken any more."""
        for delivery in deliveries:
            self._settle(delivery, Outcome.RELEASED)

    def _at_rest(self) -> list[Delivery]:
        """Remove and return everything that is held and that no worker is at."""
        left = [*self._lanes.clear(), *self._resting.clear()]
        for delivery in left:
            self._condemned.forget(delivery)
        return left

    def _holding(self) -> int:
        """Count what is held where it is held, for the balance."""
        return len(self._lanes) + len(self._active) + len(self._resting)

    # Lifecycle.

    def _note(self, kind: str, error: Exception) -> None:
        self._progress.attempts[kind] += 1
        self._progress.last_error = str(error)

    async def _read(self) -> None:
        """Run the source; keep for later why it ended."""
        try:
            await self._route.source.run(self)
        except (ConfigError, SourceUnavailable) as error:
            self._failure = self._failure or error

    async def _drain(self) -> None:
        """Let what is held finish; what would come again anyway is handed back at once."""
        self._progress.state = State.DRAINING
        self._draining = True
        for delivery in self._resting.parked:
            delivery.attempts = 0  # whoever starts it anew has mended what it failed on
        if self._route.source.redelivers:
            self._release(self._at_rest())
        for delivery in self._resting.parked:
            self._resting.remove(delivery)
            self._end(delivery, Outcome.RELEASED)
        self._work_on()
        try:
            async with asyncio.timeout(self._limits.drain_timeout):
                while self._allowance.held:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            logger.warning(
                "%s: %d deliveries did not end within %g s and are handed back",
                self._id,
                self._allowance.held,
                self._limits.drain_timeout,
            )

    def _abort(self) -> None:
        """Start nothing any more, and end the attempts that are under way."""
        self._group = None
        self._guard.close()
        self._release(self._at_rest())
        for worker in self._active.values():
            worker.cancel()

    async def _close_source(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._route.source.close()
        except TimeoutError:
            message = "%s: its source did not close within %g s; what was not written comes again"
            logger.warning(message, self._id, CLOSE_TIMEOUT)
