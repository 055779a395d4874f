"""How tasks end here: cancelled once they stop gracefully, cancelled twice they stop at once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any


async def stop(tasks: Collection[asyncio.Task[Any]], timeout: float | None = None) -> None:
    """Cancel `tasks` and wait until they ended; after `timeout`, or cancelled itself, insist.

    A task here answers its first cancellation by draining, its second by killing. One that was
    cancelled before is left to drain.
    """
    running = [task for task in tasks if not task.done()]
    for task in running:
        if not task.cancelling():
            task.cancel()
    try:
        if running:
            await asyncio.wait(running, timeout=timeout)
    finally:
        await _insist(running)


async def _insist(tasks: Collection[asyncio.Task[Any]]) -> None:
    late = [task for task in tasks if not task.done()]
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
