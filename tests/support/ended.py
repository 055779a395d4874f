"""Programs that a test runs, which must not outlive it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def killed_at_last(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Kill a program at the end of the block, if it still runs."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ended(process: asyncio.subprocess.Process, timeout: float) -> tuple[bytes, bytes, int]:
    """Return what a program has yet to print, its errors, and its exit code.

    It is killed when it takes longer than `timeout` seconds: raises `TimeoutError`.
    """
    async with killed_at_last(process), asyncio.timeout(timeout):
        out, err = await process.communicate()
    assert process.returncode is not None
    return out, err, process.returncode
