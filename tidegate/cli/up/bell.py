"""Tells everyone who waits that something is new."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Bell:
    """Rung by one, heard by all who wait at that moment."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who waits."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def heard(self, patience: float | None = None) -> None:
        """Return when it rings, or after `patience` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._rung.wait()
