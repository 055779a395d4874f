"""One bound on the payload bytes that a whole process holds."""

from __future__ import annotations

from collections.abc import Callable


class Budget:
    """Bytes shared by all dispatchers. Taking may go over by one batch; then reading stops, but
    for the part that each dispatcher has of its own (`gateway/core/allowance.py: OWN_PART`).

    Whoever finds it spent leaves a callback and is called when an eighth is free: not at the
    first byte, or a thousand sources would wake for each event that ends.
    """

    __slots__ = ("_limit", "_waiters", "used")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiters: dict[Callable[[], None], None] = {}
        self.used = 0

    @property
    def waiting(self) -> int:
        """How many will be called."""
        return len(self._waiters)

    @property
    def spent(self) -> bool:
        """Whether nothing more may be read."""
        return self.used >= self._limit

    def give_back(self, size: int) -> None:
        """Free `size` bytes and wake who waits once there is room worth waking for."""
        self.used -= size
        if self._waiters and self.used * 8 <= self._limit * 7:
            waiters, self._waiters = self._waiters, {}
            for wake in waiters:
                wake()

    def wait(self, wake: Callable[[], None]) -> None:
        """Call `wake` once, when there is room again, however often it was left here."""
        self._waiters[wake] = None
