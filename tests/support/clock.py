"""A wall clock that only the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Clock:
    """A wall clock and its alarms, moved by the test alone."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now
        self._alarms: dict[object, tuple[datetime, Callable[[], None]]] = {}

    def read(self) -> datetime:
        return self.now

    def at(self, when: datetime, wake: Callable[[], None]) -> Callable[[], None]:
        key = object()
        self._alarms[key] = (when, wake)
        return lambda: self._alarms.pop(key, None) and None

    async def open(self) -> Clock:
        return self

    async def close(self) -> None:
        """Nothing to let go of."""

    @property
    def armed(self) -> bool:
        return bool(self._alarms)

    async def jump(self, by: timedelta) -> None:
        """Set the clock, and ring what is due."""
        await rest()
        self.now += by
        for key, (when, wake) in list(self._alarms.items()):
            if when <= self.now:
                del self._alarms[key]
                wake()
        await rest()

    async def pass_time(self, by: timedelta, step: timedelta = MINUTE) -> None:
        """Let time go by, step after step."""
        end = self.now + by
        while self.now < end:
            await self.jump(min(step, end - self.now))


async def rest() -> None:
    """Let everything that can run in the loop do so."""
    for _ in range(50):
        await asyncio.sleep(0)
