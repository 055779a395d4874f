"""Which replicas run a subscription: rendezvous hashing over those that live. Pure.

Every replica has a score for every subscription, and the highest ones run it. So a replica that
comes takes over only what it now runs, and of one that goes only its own part moves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b

from tidegate.api.subscription import (
    CronSchedule,
    HttpRoute,
    KinesisStream,
    NatsSubject,
    Ordering,
    Subscription,
)


def wanted_replicas(
    subscription: Subscription, usual: int, usable: int | None = None
) -> int | None:
    """Return how many replicas a subscription can use; None is all of them.

    Calls come to every replica. A cron time fires once, and a NATS consumer gives the messages of
    one subject to all who ask, so order needs one reader. All else is shared by its broker, among
    no more than `usable` replicas where that is known: one partition, or shard, has one reader.
    """
    match subscription.source:
        case HttpRoute():
            return None
        case CronSchedule():
            return 1
        case NatsSubject() if subscription.policy.ordering is not Ordering.NONE:
            return 1
        case KinesisStream(shard=shard) if shard:
            return 1
    return usual if usable is None else min(usual, usable)


def chosen(subject: str, replicas: Collection[str], count: int) -> frozenset[str]:
    """Return the `count` replicas that `subject` falls to; the same wherever it is asked."""
    if count >= len(replicas):
        return frozenset(replicas)
    ranked = sorted(replicas, key=lambda one: (_score(subject, one), one), reverse=True)
    return frozenset(ranked[:count])


def _score(subject: str, replica: str) -> bytes:
    # The length keeps apart pairs that would be the same text.
    return blake2b(f"{len(replica)}:{replica}{subject}".encode(), digest_size=8).digest()


class Shares:
    """The part of one replica; remembers it while the replicas stay the same."""

    def __init__(
        self, me: str, usual: int, usable: Callable[[Subscription], int | None] = lambda _: None
    ) -> None:
        self._me = me
        self._usual = usual
        self._usable = usable
        self._replicas: frozenset[str] = frozenset()
        self._mine: dict[tuple[str, int], bool] = {}

    def among(self, replicas: frozenset[str]) -> None:
        """Share with exactly `replicas` from now on."""
        if replicas != self._replicas:
            self._replicas = replicas
            self._mine.clear()

    def has(self, subscription: Subscription) -> bool:
        """Tell whether this replica runs `subscription`."""
        count = wanted_replicas(subscription, self._usual, self._usable(subscription))
        if count is None:
            return True
        key = (subscription.id, count)
        mine = self._mine.get(key)
        if mine is None:
            mine = self._mine[key] = self._me in chosen(subscription.id, self._replicas, count)
        return mine

    def keep(self, subscriptions: Collection[Subscription]) -> list[Subscription]:
        """Return those of `subscriptions` that this replica runs, and forget all others."""
        kept = [one for one in subscriptions if self.has(one)]
        if len(self._mine) > 2 * len(subscriptions) + 64:
            self._mine.clear()
        return kept
