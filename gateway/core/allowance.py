"""How much one dispatcher may hold: the credit it gives to its source."""

from __future__ import annotations

import asyncio

from gateway.core.budget import Budget


class Allowance:
    """Bounds in events and bytes, inside a budget that all dispatchers share.

    `credit` is what may still be pushed; `room` waits for some. Both bounds may be passed by
    the rest of one batch, since what was read cannot be unread.
    """

    __slots__ = ("_budget", "_bytes", "_bytes_limit", "_events_limit", "_waiter", "held")

    def __init__(self, events: int, size: int, budget: Budget) -> None:
        self._events_limit = events
        self._bytes_limit = size
        self._budget = budget
        self._bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self.held = 0

    @property
    def credit(self) -> int:
        """How many more deliveries may be held now."""
        if self._bytes >= self._bytes_limit or self._budget.spent:
            return 0
        return max(self._events_limit - self.held, 0)

    def take(self, size: int) -> None:
        """Hold one more delivery of `size` bytes."""
        self.held += 1
        self._bytes += size
        self._budget.used += size

    def give_back(self, size: int) -> None:
        """Hold one delivery less, and wake a waiting source when half of the room is free."""
        self.held -= 1
        self._bytes -= size
        self._budget.give_back(size)
        if self._waiter is not None and self._has_room():
            self._wake()

    async def room(self) -> None:
        """Return when at least half of the bounds is free, so that reading comes in batches."""
        while not self._has_room():
            self._waiter = asyncio.get_running_loop().create_future()
            if self._budget.spent:
                self._budget.wait(self._wake)
            await self._waiter

    def _has_room(self) -> bool:
        return (
            self.held * 2 <= self._events_limit
            and self._bytes * 2 <= self._bytes_limit
            and not self._budget.spent
        )

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._waiter = None
