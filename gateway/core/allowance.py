"""How much one dispatcher may hold: the credit it gives to its source."""

from __future__ import annotations

import asyncio

from gateway.core.budget import Budget

OWN_PART = 64
"""The part of its own bounds that a dispatcher may use whatever others hold: one in so many."""


class Allowance:
    """Bounds in events and bytes, inside a budget that all dispatchers share.

    `credit` is what may still be pushed; `room` waits for some. Both bounds may be passed by
    the rest of one batch, since what was read cannot be unread. When others have spent the
    budget, with what they have parked perhaps, some events may still be held, up to `OWN_PART`.

    What has ended takes its place in the bound of events until its source has written that:
    a crash repeats what is held or `uncommitted`, and so never more than the bound.
    """

    __slots__ = (
        "_awaited",
        "_budget",
        "_bytes",
        "_bytes_limit",
        "_events_limit",
        "_own_bytes",
        "_own_events",
        "_room",
        "held",
        "uncommitted",
    )

    def __init__(self, events: int, size: int, budget: Budget) -> None:
        self._events_limit = events
        self._bytes_limit = size
        self._own_events = max(events // OWN_PART, 1)
        self._own_bytes = size // OWN_PART
        self._budget = budget
        self._bytes = 0
        self._awaited = False
        self._room = asyncio.Event()
        self.held = 0
        self.uncommitted = 0

    @property
    def credit(self) -> int:
        """How many more deliveries may be held now."""
        free = self._events_limit - self._taken
        if free <= 0 or self._bytes >= self._bytes_limit or self._must_wait:
            return 0
        if self._budget.spent:
            # All of it or nothing: a source that saves up credit for a batch would wait for ever.
            return min(self._own_events, free)
        return free

    def take(self, size: int) -> None:
        """Hold one more delivery of `size` bytes."""
        self.held += 1
        self._bytes += size
        self._budget.used += size

    def give_back(self, size: int) -> None:
        """Hold one delivery less, and wake a waiting source when there is room again."""
        self.held -= 1
        self._bytes -= size
        self._budget.give_back(size)
        if self._awaited and self._within_bounds():
            self._wake_or_wait()

    def owe(self, change: int) -> bool:
        """Count ended events as uncommitted, or no longer; return whether they take half the bound.

        Called while an event that ended is still held, so that its place is never free between.
        """
        self.uncommitted += change
        if change < 0 and self._awaited and self._within_bounds():
            self._wake_or_wait()
        return self.uncommitted * 2 >= self._events_limit

    async def room(self) -> None:
        """Return when an eighth of the bounds is free, so that reading comes in batches.

        No more than that: what is parked stays, and must not keep the rest from being used.
        """
        while self._must_wait or not self._within_bounds():
            self._awaited = True
            self._room.clear()
            if self._must_wait:
                self._budget.wait(self._wake)
            await self._room.wait()

    @property
    def _must_wait(self) -> bool:
        """Whether the budget is spent and our own part of it, too."""
        return self._budget.spent and (
            self._bytes >= self._own_bytes or self.held >= self._own_events
        )

    @property
    def _taken(self) -> int:
        """The places that are taken of the bound of events."""
        return self.held + self.uncommitted

    def _within_bounds(self) -> bool:
        few = self._taken * 8 <= self._events_limit * 7
        return few and self._bytes * 8 <= self._bytes_limit * 7

    def _wake_or_wait(self) -> None:
        """Wake the source; where only the budget is in the way, leave that to the budget."""
        if self._must_wait:
            self._budget.wait(self._wake)
        else:
            self._wake()

    def _wake(self) -> None:
        self._awaited = False
        self._room.set()
