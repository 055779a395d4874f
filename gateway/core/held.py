"""What one dispatcher holds: every delivery in one place, and settled once when it leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from gateway.core.allowance import Allowance
from gateway.core.decisions import Pending, Terms, pending
from gateway.core.delivery import Delivery, Outcome
from gateway.core.guard import Guard
from gateway.core.lanes import Lanes
from gateway.core.progress import Progress
from gateway.core.resting import Condemned, Resting
from gateway.core.route import Limits
from gateway.core.verdict import verdict
from tidegate.api.subscription import Subscription

logger = logging.getLogger(__name__)


class Held:
    """Where each delivery is between the push and its outcome; nothing else settles one.

    A place is one of three: queued in `lanes`, `active` with the task of its worker, or `resting`.
    Beside its place a delivery may be marked: `condemned` to the dead-letter sink, `cancelled` or
    `recalled` by its source. `work_on` is called whenever one became ready here.

    The dispatcher reads places and marks for every event, hence plain attributes.
    """

    def __init__(
        self,
        subscription: Subscription,
        progress: Progress,
        limits: Limits,
        guard: Guard,
        work_on: Callable[[], None],
    ) -> None:
        self._id = subscription.id
        self._progress = progress
        self._clock = progress.clock
        self._books = progress.books
        self._books.holding = self._count
        self._decisions = progress.decisions
        self._terms = Terms(subscription.id, partial(verdict, subscription.filters))
        self._guard = guard
        self._work_on = work_on
        self._emptied = asyncio.Event()
        self.allowance = Allowance(limits.events, limits.bytes, limits.budget)
        self.lanes = Lanes(subscription.policy.ordering)
        self.active: dict[Delivery, asyncio.Task[None]] = {}
        self.resting = Resting(progress, limits.events)
        self.condemned = Condemned(progress)
        self.cancelled: set[Delivery] = set()
        self.recalled: set[Delivery] = set()
        self.draining = False

    def wait(self, delivery: Delivery, delay: float, wake: Callable[[Delivery], None]) -> None:
        """Take `delivery` from its worker, and have `wake` called with it after `delay` seconds."""
        self.active.pop(delivery, None)
        self.resting.wait(delivery, delay, wake)

    def park(self, delivery: Delivery) -> None:
        """Take `delivery` from its worker, and keep it until somebody acts."""
        self.active.pop(delivery, None)
        self.resting.park(delivery)

    def again(self, delivery: Delivery) -> None:
        """Make ready what rests; it is the next of its lane."""
        self.resting.remove(delivery)
        self.lanes.again(delivery)
        self._work_on()

    def end(self, delivery: Delivery, outcome: Outcome) -> None:
        """Settle a delivery that holds a lane, and let its successor go."""
        self.active.pop(delivery, None)
        self.lanes.leave(delivery)
        self._conclude(delivery, outcome)

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        """Settle a delivery that is in no place and has no mark."""
        self._books.outcomes[outcome] += 1
        self._progress.last_settled = now = self._clock()
        delivery.settle(outcome)
        self._decisions.note(delivery, self._terms, now)
        self.allowance.give_back(delivery.size)
        if not self.allowance.held:
            self._emptied.set()
            self._guard.nothing_held()

    def cancel(self, delivery: Delivery) -> None:
        """Have `delivery` end as DROPPED: now if it rests, else by the worker that has or takes it.

        One that has ended is left alone.
        """
        if delivery.outcome is not None:
            return
        self.cancelled.add(delivery)
        if delivery in self.active:
            self.active[delivery].cancel()
        elif delivery in self.resting:
            self.resting.remove(delivery)
            self.end(delivery, Outcome.DROPPED)
            self._work_on()

    def recall(self, deliveries: Iterable[Delivery]) -> None:
        """Hand back those of `deliveries` that no worker is at; mark the others."""
        unsettled = {one for one in deliveries if one.outcome is None}
        self.recalled |= unsettled & self.active.keys()
        left = unsettled - self.recalled
        for delivery in self.lanes.withdraw(left):
            self._conclude(delivery, Outcome.RELEASED)
        for delivery in left:
            if delivery in self.resting:
                self.resting.remove(delivery)
                self.end(delivery, Outcome.RELEASED)
        self._work_on()

    def drain(self, *, redelivers: bool) -> None:
        """Hand back what is parked and, where the source `redelivers`, all that no worker is at."""
        self.draining = True
        for delivery in self.resting.parked:
            delivery.attempts = 0  # whoever starts it anew has mended what it failed on
        if redelivers:
            self.release_inactive()
        for delivery in self.resting.parked:
            self.resting.remove(delivery)
            self.end(delivery, Outcome.RELEASED)

    async def empty(self) -> None:
        """Return when nothing is held any more."""
        while self.allowance.held:
            self._emptied.clear()
            await self._emptied.wait()

    def release_inactive(self) -> None:
        """Hand back all that no worker is at. Its lanes are past: nothing is taken any more."""
        for delivery in self._inactive():
            self.settle(delivery, Outcome.RELEASED)

    def release_all(self) -> None:
        """Hand back what is left when all workers have ended."""
        for delivery in [*self._inactive(), *self.active]:
            self.settle(delivery, Outcome.RELEASED)
        self.active.clear()

    def pending(self) -> Iterator[Pending]:
        """Yield what is held, and what it does; first what somebody may have to look after."""
        resting = self.resting
        places: Iterable[tuple[str, Iterable[Delivery]]] = (
            ("parked", resting.parked),
            ("waiting", resting.waiting),
            ("attempting", tuple(self.active)),
            ("queued", self.lanes.queued()),
        )
        for state, deliveries in places:
            for delivery in deliveries:
                yield pending(delivery, self._terms, self._clock(), state)

    def _conclude(self, delivery: Delivery, outcome: Outcome) -> None:
        """Forget what is known of a delivery beside its place, and settle it."""
        if self.condemned and self.condemned.forget(delivery):
            logger.info("%s: dead letters are written again", self._id)
        if self._guard.alert:
            self._guard.ended(delivery, outcome)
        if self.cancelled:
            self.cancelled.discard(delivery)
        if self.recalled:
            self.recalled.discard(delivery)
        self.settle(delivery, outcome)

    def _inactive(self) -> list[Delivery]:
        """Remove and return all that no worker is at."""
        left = [*self.lanes.clear(), *self.resting.clear()]
        for delivery in left:
            self.condemned.forget(delivery)
        return left

    def _count(self) -> int:
        """Count what is held where it is held, for the balance."""
        return len(self.lanes) + len(self.active) + len(self.resting)
