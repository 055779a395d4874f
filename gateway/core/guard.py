"""The breaker of one dispatcher at work: its clock, its limit, and who waits for its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from gateway.core.breaker import Breaker, BreakerSettings, BreakerState
from gateway.core.delivery import Delivery, Outcome
from gateway.core.progress import Progress
from gateway.errors import SinkUnavailable
from tidegate.api.subscription import Subscription

logger = logging.getLogger(__name__)


class Guard:
    """Pauses a dispatcher while its destination as a whole is away, at no event's cost.

    `limit` is how many attempts may be under way; whenever it rises, `work_on` is called. `alert`
    says whether an answer or an end is news here; plain values, read for every event.
    """

    def __init__(
        self,
        subscription: Subscription,
        progress: Progress,
        settings: BreakerSettings,
        work_on: Callable[[], None],
    ) -> None:
        self._id = subscription.id
        self._concurrency = subscription.policy.in_flight
        self._progress = progress
        self._work_on = work_on
        self._breaker = Breaker(settings)
        self._timer: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self.limit = self._concurrency
        self.alert = False

    @property
    def pausing(self) -> bool:
        """Whether the source should not be read."""
        return self._breaker.state is not BreakerState.CLOSED

    async def over(self) -> None:
        """Return when the pause is over, or when nothing is held that could probe."""
        self._over.clear()
        await self._over.wait()

    def nothing_held(self) -> None:
        """Let the source bring an event to probe with."""
        self._over.set()

    def suspect(self, delivery: Delivery, error: SinkUnavailable) -> None:
        """Note a failure that may be the system's; pause when it is."""
        opened = self._breaker.failed(delivery)
        self.alert = True
        if self._breaker.state is not BreakerState.OPEN:
            return
        for forgiven, attempts in self._breaker.forgiven().items():
            forgiven.attempts = max(forgiven.attempts - attempts, 0)
        if opened:
            self._pause(error)

    def suspects(self, delivery: Delivery) -> bool:
        """Say whether the failures of `delivery` may be the system's, and cost it nothing."""
        return self.alert and self._breaker.suspects(delivery)

    def answered(self) -> None:
        """Note that the destination is there, whatever it said; after failures, go on slowly."""
        paused = self.pausing
        self._breaker.succeeded()
        self._publish()
        if paused:
            logger.info("%s: goes on, the function answers again", self._id)
            self._over.set()
        self._work_on()

    def ended(self, delivery: Delivery, outcome: Outcome) -> None:
        """Forget a delivery that is settled."""
        self._breaker.ended(delivery, outcome)

    def hurry(self) -> None:
        """Probe now where a probe is to come."""
        if self._timer is not None:
            self._probe()

    def close(self) -> None:
        """Probe no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pause(self, error: SinkUnavailable) -> None:
        self._publish()
        delay = self._breaker.pause
        if not self._breaker.probes:
            message = "%s: paused, no retries are spent: %s; probing in %g s"
            logger.warning(message, self._id, error, delay)
        self._timer = asyncio.get_running_loop().call_later(delay, self._probe)

    def _probe(self) -> None:
        """Let one event through."""
        self.close()
        self._breaker.probe()
        self._publish()
        self._work_on()

    def _publish(self) -> None:
        self.limit = self._breaker.allowed(self._concurrency)
        self.alert = self._breaker.alert
        state = self._breaker.state.value
        if state != self._progress.breaker:
            self._progress.breaker = state
            self._progress.decisions.breaker_is(state, self._progress.clock())
