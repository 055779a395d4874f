"""The order in which one subscription's deliveries may be worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Set

from gateway.core.delivery import Delivery
from tidegate.api.subscription import Ordering

_LANE: dict[Ordering, Callable[[Delivery], object]] = {
    Ordering.PARTITION: lambda delivery: delivery.partition,
    Ordering.KEY: lambda delivery: (
        delivery.partition if delivery.key is None else (delivery.partition, delivery.key)
    ),
    Ordering.NONE: lambda delivery: None,
}


class Lanes:
    """Serial within a lane, parallel across lanes; a lane exists only while it holds something.

    Under `key` a lane is one key of one partition, and records without a key share one lane
    per partition. Under `none` there are no lanes at all. A delivery that was taken keeps its
    lane until `leave`, so a retry or a parked event holds back its successors only. The length
    is what is queued: what was taken does not count.
    """

    def __init__(self, ordering: Ordering) -> None:
        self._lane_of = _LANE[ordering]
        self._ordered = ordering is not Ordering.NONE
        self._ready: deque[Delivery] = deque()
        self._waiting: dict[object, deque[Delivery]] = {}
        self._queued = 0

    def __len__(self) -> int:
        return self._queued

    def enter(self, delivery: Delivery) -> None:
        """Queue `delivery` behind those of its lane."""
        self._queued += 1
        if not self._ordered:
            self._ready.append(delivery)
            return
        lane = self._lane_of(delivery)
        waiting = self._waiting.get(lane)
        if waiting is None:
            self._waiting[lane] = deque()
            self._ready.append(delivery)
        else:
            waiting.append(delivery)

    def take(self) -> Delivery | None:
        """Return the next delivery that may be worked on, or None."""
        if not self._ready:
            return None
        self._queued -= 1
        return self._ready.popleft()

    def again(self, delivery: Delivery) -> None:
        """Make a delivery that was taken ready once more; it still owns its lane."""
        self._queued += 1
        self._ready.append(delivery)

    def leave(self, delivery: Delivery) -> None:
        """Free the lane of a delivery that was taken and has ended."""
        if not self._ordered:
            return
        lane = self._lane_of(delivery)
        waiting = self._waiting[lane]
        if waiting:
            self._ready.append(waiting.popleft())
        else:
            del self._waiting[lane]

    def withdraw(self, deliveries: Set[Delivery]) -> list[Delivery]:
        """Remove and return those of `deliveries` that are queued, and free the lanes they own."""
        gone = []
        for waiting in self._waiting.values():
            gone += [one for one in waiting if one in deliveries]
            kept = [one for one in waiting if one not in deliveries]
            waiting.clear()
            waiting.extend(kept)
        heads = [one for one in self._ready if one in deliveries]
        if heads:
            self._ready = deque(one for one in self._ready if one not in deliveries)
        for head in heads:
            self.leave(head)
        self._queued -= len(gone) + len(heads)
        return heads + gone

    @property
    def ready(self) -> int:
        """How many deliveries could be taken now."""
        return len(self._ready)

    def queued(self) -> list[Delivery]:
        """Return what is queued, those that could be taken now first."""
        return [*self._ready, *(one for lane in self._waiting.values() for one in lane)]

    def clear(self) -> list[Delivery]:
        """Remove and return everything queued; what was taken is not among it."""
        queued = list(self._ready)
        self._ready.clear()
        self._queued = 0
        for waiting in self._waiting.values():
            queued.extend(waiting)
            waiting.clear()
        return queued
