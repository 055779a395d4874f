"""Deliveries that hold their lane while no worker is at them: waiting, parked, condemned."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from gateway.core.delivery import Delivery
from gateway.core.progress import Progress

HOLD = 5.0
"""Longest wait here of what its source can bring again later, in seconds. By its end it is known
whether a failure was the event's or the system's."""

HOLD_CROWDED = 1.0
"""The same while half of the places are taken by what waits."""


class Resting:
    """What waits for its next attempt, and what is parked until someone acts.

    Publishes both counts. A delivery is in one place at a time; `remove` finds it. `places` is
    how many deliveries its dispatcher may hold.
    """

    def __init__(self, progress: Progress, places: int) -> None:
        self._progress = progress
        self._places = places
        self._waiting: dict[Delivery, asyncio.TimerHandle] = {}
        self._parked: set[Delivery] = set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._parked)

    def __contains__(self, delivery: Delivery) -> bool:
        return delivery in self._waiting or delivery in self._parked

    @property
    def waiting(self) -> tuple[Delivery, ...]:
        """The deliveries between two attempts."""
        return tuple(self._waiting)

    @property
    def parked(self) -> tuple[Delivery, ...]:
        """The deliveries that nothing but an act of somebody moves."""
        return tuple(self._parked)

    def patience(self, delivery: Delivery) -> float:
        """Return the longest wait here; a longer one is to be left to the source of `delivery`.

        Without end where that cannot postpone it, or would forget that it is to be tried alone.
        """
        if not delivery.postponable or delivery.alone:
            return math.inf
        return HOLD_CROWDED if 2 * len(self._waiting) >= self._places else HOLD

    def wait(self, delivery: Delivery, delay: float, wake: Callable[[Delivery], None]) -> None:
        """Have `wake` called with `delivery` after `delay` seconds."""
        loop = asyncio.get_running_loop()
        self._waiting[delivery] = loop.call_later(delay, wake, delivery)
        self._publish()

    def park(self, delivery: Delivery) -> None:
        """Keep `delivery` until it is removed."""
        self._parked.add(delivery)
        self._publish()

    def remove(self, delivery: Delivery) -> None:
        """Let `delivery` go, and its timer with it."""
        timer = self._waiting.pop(delivery, None)
        if timer is not None:
            timer.cancel()
        self._parked.discard(delivery)
        self._publish()

    def clear(self) -> list[Delivery]:
        """Remove and return everything."""
        for timer in self._waiting.values():
            timer.cancel()
        left = [*self._waiting, *self._parked]
        self._waiting.clear()
        self._parked.clear()
        self._publish()
        return left

    def _publish(self) -> None:
        self._progress.waiting = len(self._waiting)
        self._progress.parked = len(self._parked)


class Condemned(dict[Delivery, int]):
    """Deliveries that go to the dead-letter sink, and how often it has refused each.

    A dict, since "is there any" and "is this one" are asked for every event.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def add(self, delivery: Delivery) -> None:
        """From now on `delivery` is a dead letter."""
        self[delivery] = 0

    def refused(self, delivery: Delivery) -> int:
        """Count a write that failed; return how many did for this delivery."""
        self[delivery] += 1
        if self[delivery] == 1:
            self._progress.unwritten += 1
        return self[delivery]

    def forget(self, delivery: Delivery) -> bool:
        """Remove `delivery`; return whether it was the last of those that had been refused."""
        if not self.pop(delivery, 0):
            return False
        self._progress.unwritten -= 1
        return not self._progress.unwritten
