"""What an adapter supplies to run the conformance suite: one harness per registered name.

A source harness plays the broker's side: it publishes, makes sources that read (a second one
is a restart or a replica), and crashes them. It lists what its broker cannot do; the suite
then says so instead of passing quietly.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.core.source import Source
from tests.support.intake import RecordingIntake


@dataclass(slots=True)
class Reading:
    """A source that runs, and the intake that it pushes to."""

    source: Source
    intake: RecordingIntake
    task: asyncio.Task[None]

    async def stop_reading(self) -> None:
        """The soft stop: cancel `run` and wait until it is over."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def stop(self) -> None:
        """Soft stop, then close."""
        await self.stop_reading()
        await self.source.close()


class SourceHarness:
    """The broker's side of one source."""

    cannot: frozenset[str] = frozenset()
    """Of: redeliver, crash, order, pause, carry rubbish. What the broker has no notion of."""

    slow: bool = False
    """Whether its broker takes its time, so that most of the suite is left to the slow lane."""

    def __init__(self, folder: Path) -> None:
        """`folder` is free for whatever the broker keeps."""

    async def start(self) -> None:
        """Start the broker, or whatever plays it."""

    async def stop(self) -> None:
        """Stop it."""

    def source(self) -> Source:
        """Make a source on the same subscription. Each call is a new reader."""
        raise NotImplementedError

    async def publish(self, count: int, keys: Sequence[str] = ("k",)) -> None:
        """Publish `count` events that cycle through `keys`, each with a number of its own."""
        raise NotImplementedError

    async def publish_rubbish(self) -> None:
        """Publish something that says it is a CloudEvent and is none."""
        raise NotImplementedError

    async def crash(self, reading: Reading) -> None:
        """End a reader as SIGKILL would: nothing more reaches the broker."""
        await reading.stop_reading()

    @asynccontextmanager
    async def reading(self, credit: int = 1000) -> AsyncIterator[Reading]:
        """Read for the length of the block; closes the source unless it was crashed."""
        source, intake = self.source(), RecordingIntake(credit)
        task = asyncio.create_task(source.run(intake))
        reading = Reading(source, intake, task)
        try:
            await intake.until_polled()
            yield reading
        finally:
            await reading.stop()
