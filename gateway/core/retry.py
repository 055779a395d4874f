"""When to try again. Pure but for the jitter."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.core.delivery import Delivery
from gateway.core.event import CloudEvent
from gateway.errors import AttemptTimeout, NoEndpoint, SinkUnavailable
from tidegate.api.subscription import DeliveryPolicy


class RetryPolicy:
    """Decides, after a failed attempt, between another one and giving up."""

    def __init__(self, policy: DeliveryPolicy, draw: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._draw = draw  # a generator of its own would be a third of an idle dispatcher

    def charges(self, error: SinkUnavailable) -> bool:
        """Say whether `error` uses up an attempt. Nothing was tried where nothing was ready."""
        return not isinstance(error, NoEndpoint)

    def covers(self, error: SinkUnavailable) -> bool:
        """Say whether the policy allows another attempt after such an error.

        Other errors than a passed deadline were judged by the sink, which knows their kind.
        """
        passed = isinstance(error, AttemptTimeout) and error.status is None
        return self._policy.retry_timeout or not passed

    def exhausted(self, delivery: Delivery) -> bool:
        """Say whether the attempts made are all that the policy allows."""
        return 0 <= self._policy.retry < delivery.attempts

    def delay(self, attempts: int, retry_after: float | None = None) -> float:
        """Return the seconds to wait after `attempts` failed tries.

        What the destination asked for (`Retry-After`) is kept as a minimum, capped by
        `backoffMax`; jitter shortens or lengthens the rest by its share.
        """
        policy = self._policy
        count = max(attempts, 1)
        if policy.backoff == "linear":
            wait = policy.backoff_delay * count
        else:
            wait = policy.backoff_delay * 2.0 ** min(count - 1, 32)
        wait = min(wait, policy.backoff_max)
        wait *= 1 + policy.jitter * (2 * self._draw() - 1)
        return min(max(wait, retry_after or 0.0), policy.backoff_max)


def too_old(event: CloudEvent, max_age: float) -> bool:
    """Say whether `event` is older than `max_age` seconds. One that tells no time is not."""
    if event.time is None:
        return False
    try:
        born = datetime.fromisoformat(event.time)
    except ValueError:
        return False
    if born.tzinfo is None:
        born = born.replace(tzinfo=UTC)
    return (datetime.now(UTC) - born).total_seconds() > max_age
