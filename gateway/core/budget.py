"""One bound on the payload bytes that a whole process holds."""

from __future__ import annotations

from collections.abc import Callable


class Budget:
    """Bytes shared by all dispatchers. Taking may go over by one batch; then all reading stops.

    Whoever finds it spent leaves a callback in `waiters` and is called when half is free.
    """

    __slots__ = ("_limit", "_waiters", "used")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiters: list[Callable[[], None]] = []
        self.used = 0

    @property
    def spent(self) -> bool:
        """Whether nothing more may be read."""
        return self.used >= self._limit

    def give_back(self, size: int) -> None:
        """Free `size` bytes and wake who waits once there is room worth waking for."""
        self.used -= size
        if self._waiters and self.used * 2 <= self._limit:
            waiters, self._waiters = self._waiters, []
            for wake in waiters:
                wake()

    def wait(self, wake: Callable[[], None]) -> None:
        """Call `wake` once, when there is room again."""
        self._waiters.append(wake)
