"""What becomes of a delivery that an attempt did not deliver."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from gateway.core.breaker import is_systemic
from gateway.core.delivery import Delivery, Outcome
from gateway.core.guard import Guard
from gateway.core.held import Held
from gateway.core.progress import Progress
from gateway.core.retry import RetryPolicy
from gateway.core.route import Route
from gateway.core.trail import Step
from gateway.errors import (
    AttemptTimeout,
    CallerGone,
    EventExpired,
    EventRejected,
    GatewayError,
    NoEndpoint,
    SinkUnavailable,
)
from tidegate.api.subscription import OnExhausted, Ordering, Subscription

logger = logging.getLogger(__name__)


class Failures:
    """Has a delivery wait for its next attempt, or gives it up, as the subscription's policy says.

    Each method leaves the delivery ended or at rest: its worker is free. The whole of its life is
    drawn in `Dispatcher`.
    """

    def __init__(
        self,
        subscription: Subscription,
        route: Route,
        progress: Progress,
        guard: Guard,
        held: Held,
    ) -> None:
        self._id = subscription.id
        self._policy = subscription.policy
        self._route = route
        self._progress = progress
        self._clock = progress.clock
        self._guard = guard
        self._held = held
        self._retry = RetryPolicy(subscription.policy)

    async def unavailable(self, delivery: Delivery, error: SinkUnavailable) -> None:
        """Try again later, or give up. Who waits does not wait for an endpoint without end."""
        self._note(
            "timeout" if isinstance(error, AttemptTimeout) else "unavailable", delivery, error
        )
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
            await self.give_up(delivery, error)
        else:
            self._wait(delivery, self._retry.delay(delivery.attempts, error.retry_after))

    async def rejected(self, delivery: Delivery, error: EventRejected) -> None:
        """Give up: the destination answered, and will never say otherwise."""
        self._note("rejected", delivery, error)
        delivery.attempts += 1
        if self._guard.alert:
            self._guard.answered()
        await self.give_up(delivery, error)

    def abandoned(self, delivery: Delivery, error: CallerGone) -> None:
        """Hand back what nobody waits for any more."""
        delivery.last_error = error
        self._step(delivery, "attempt", "callerGone", error)
        self._held.end(delivery, Outcome.RELEASED)

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """End what cannot be delivered, by policy. A waiting caller is told instead of parked."""
        delivery.failed(error)
        if isinstance(error, EventExpired):
            self._step(delivery, "expire", "expired", error)
        match self._policy.on_exhausted:
            case OnExhausted.DEAD_LETTER if self._route.dead_letter is not None:
                self._held.condemned.add(delivery)
                await self.dead_letter(delivery)
            case _ if delivery.call is not None:
                self._held.end(delivery, Outcome.RELEASED)
            case OnExhausted.DROP:
                self._held.end(delivery, Outcome.DROPPED)
            case _:
                self._park(delivery, error)

    async def dead_letter(self, delivery: Delivery) -> None:
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
            self._step(delivery, "deadLetter", "refused", error)
            if delivery.call is not None:
                self._held.end(delivery, Outcome.RELEASED)
            else:
                self._dead_letter_later(delivery, error)
        else:
            self._held.end(delivery, Outcome.DEAD_LETTERED)

    def _dead_letter_later(self, delivery: Delivery, error: Exception) -> None:
        tries = self._held.condemned.refused(delivery)
        if tries == 1:
            message = "%s: dead letter of %s not written, trying until it is: %s"
            logger.warning(message, self._id, delivery.event.id, error)
        self._wait(delivery, self._retry.delay(tries))

    def _park(self, delivery: Delivery, error: Exception) -> None:
        if self._held.draining or delivery in self._held.recalled:
            self._held.end(delivery, Outcome.RELEASED)
            return
        self._step(delivery, "park")
        self._held.park(delivery)
        logger.error(
            "%s: parked %s after %d attempts: %s; mend the function, or set delivery.deadLetter "
            "or delivery.onExhausted: drop",
            self._id,
            delivery.event.id,
            delivery.attempts,
            error,
        )

    def _wait(self, delivery: Delivery, delay: float) -> None:
        held = self._held
        if delivery in held.recalled or (held.draining and self._route.source.redelivers):
            held.end(delivery, Outcome.RELEASED)
            return
        delivery.step(Step(self._clock(), "wait", seconds=delay))
        here = held.resting.patience(delivery) if self._may_postpone(delivery) else delay
        if delay <= here:
            held.wait(delivery, delay, held.again)
        else:
            held.wait(delivery, here, partial(self._postpone, delay - here))

    def _may_postpone(self, delivery: Delivery) -> bool:
        """Whether `delivery` holds up nobody, and is not on its way to the dead-letter sink."""
        return self._policy.ordering is Ordering.NONE and delivery not in self._held.condemned

    def _postpone(self, rest: float, delivery: Delivery) -> None:
        """Leave the rest of a long wait to the source, so that it takes no place here.

        Not while the breaker may still forgive what was tried: the source would remember it.
        """
        held = self._held
        held.resting.remove(delivery)
        if self._guard.suspects(delivery):
            held.wait(delivery, rest, held.again)
        else:
            delivery.delay = rest
            held.end(delivery, Outcome.RELEASED)

    def _note(self, kind: str, delivery: Delivery, error: SinkUnavailable | EventRejected) -> None:
        self._progress.attempts[kind] += 1
        self._progress.last_error = str(error)
        self._step(delivery, "attempt", kind, error)

    def _step(
        self, delivery: Delivery, what: str, result: str = "", error: GatewayError | None = None
    ) -> None:
        """Note what has happened, for whoever asks why an event did not arrive."""
        if isinstance(error, NoEndpoint):
            result = "noEndpoint"
        text, status = ("" if error is None else str(error)), getattr(error, "status", None)
        took = delivery.took if what == "attempt" else 0.0
        breaker = self._progress.breaker
        delivery.step(Step(self._clock(), what, result, text, status, took, breaker))
