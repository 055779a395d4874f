"""The intake's credit, shared by shards that are read at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.core.source import Intake


class SharedCredit:
    """Hands out parts of an intake's credit, first come, first served.

    What a call under way may bring counts as used, so that shards together stay within it. None
    gets more than half of what is free: one that hangs must not stop the others.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._promised = 0
        self._turn = asyncio.Lock()
        self._more = asyncio.Event()

    @asynccontextmanager
    async def part(self, most: int) -> AsyncIterator[int]:
        """Wait for credit; yield how much of it, `most` at most, is kept for the block."""
        async with self._turn:
            count = await self._some(most)
            self._promised += count
        try:
            yield count
        finally:
            self._promised -= count
            self._more.set()

    def grown(self) -> None:
        """Look again at the credit: it has grown, though nothing of it was given back here."""
        self._more.set()

    async def _some(self, most: int) -> int:
        while True:
            await self._intake.room()
            free = self._intake.credit - self._promised
            if free > 0:
                return min(max(free // 2, 1), most)
            self._more.clear()
            if self._promised:
                await self._more.wait()
