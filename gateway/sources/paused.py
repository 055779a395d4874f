"""The source of a trigger that is paused: its broker is left alone."""

from __future__ import annotations

import asyncio

from gateway.core.source import Intake


class PausedSource:
    """Brings nothing. What it would read keeps its place: no client of ours is there to move it."""

    redelivers = True
    watched = False

    async def run(self, intake: Intake) -> None:
        """See `Source.run`."""
        intake.polled()
        await asyncio.Event().wait()

    async def close(self) -> None:
        """See `Source.close`."""
