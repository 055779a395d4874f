"""Work that goes on beside a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol


@asynccontextmanager
async def background(work: Coroutine[Any, Any, Any], name: str) -> AsyncIterator[asyncio.Task[Any]]:
    """Do `work` for the length of the block, then cancel it and wait; its own error is raised."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Stoppable(Protocol):
    """What runs until it is stopped."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...


@asynccontextmanager
async def at_work(one: Stoppable) -> AsyncIterator[None]:
    """Let `one` run for the length of the block, then stop it and wait for its end."""
    task = asyncio.create_task(one.run(), name="at work in a test")
    try:
        yield
    finally:
        one.stop()
        await task
