"""Which worker runs what. Pure, and the same at every start.

A place is a lease that cannot be disputed: there is one process in it at a time, and the next one
starts when the last one is known to have ended.
"""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

from tidegate.api.subscription import (
    CronSchedule,
    HttpRoute,
    NatsSubject,
    Ordering,
    Subscription,
)


def placed(subscription: Subscription, place: int, places: int) -> Subscription | None:
    """Return `subscription` as it runs in `place` of `places`; None when it does not.

    Its `concurrency` is shared out, so that all together call the function as often as one would.
    """
    if in_one_place(subscription, places):
        return subscription if crc32(subscription.id.encode()) % places == place else None
    whole, rest = divmod(subscription.policy.concurrency, places)
    share = max(whole + (place < rest), 1)
    return replace(subscription, policy=replace(subscription.policy, concurrency=share))


def in_one_place(subscription: Subscription, places: int) -> bool:
    """Tell whether only one worker can run it.

    A cron time must fire once. A NATS consumer gives the messages of one subject to all who ask,
    so order needs one reader. Concurrency below the number of workers cannot be shared out. HTTP
    calls come to every worker all the same.
    """
    match subscription.source:
        case HttpRoute():
            return False
        case CronSchedule():
            return True
        case NatsSubject() if subscription.policy.ordering is not Ordering.NONE:
            return True
    return subscription.policy.concurrency < places


def loosened(subscription: Subscription, places: int) -> str:
    """Say what an HTTP trigger asks for that several workers cannot keep; empty for nothing."""
    if not isinstance(subscription.source, HttpRoute):
        return ""
    policy = subscription.policy
    if policy.ordering is not Ordering.NONE:
        return f"delivery.ordering {policy.ordering.value} holds within each of {places} workers"
    if policy.concurrency < places:
        return f"delivery.concurrency {policy.concurrency} is 1 in each of {places} workers"
    return ""
