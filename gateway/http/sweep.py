"""One timer for any number of deadlines, set to the earliest; nothing runs while none is set."""

import asyncio
from collections.abc import Callable

FOREVER = float("inf")


class Sweep:
    """Calls `visit(now)` when the earliest watched deadline passes.

    `visit` acts on what is due and returns the earliest deadline left, or FOREVER. Deadlines
    closer together than `grain` seconds are swept together. In a hot path, compare with `next`
    before calling `watch`.
    """

    __slots__ = ("_grain", "_timer", "_visit", "next")

    def __init__(self, visit: Callable[[float], float], grain: float) -> None:
        self._visit = visit
        self._grain = grain
        self._timer: asyncio.TimerHandle | None = None
        self.next = FOREVER

    def watch(self, deadline: float) -> None:
        """Sweep no later than at this deadline."""
        if deadline < self.next:
            self.stop()
            self.next = deadline
            self._timer = asyncio.get_running_loop().call_at(deadline, self._run)

    def stop(self) -> None:
        """Forget all deadlines."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.next = FOREVER

    def _run(self) -> None:
        self.stop()
        now = asyncio.get_running_loop().time()
        self.watch(max(self._visit(now), now + self._grain))
