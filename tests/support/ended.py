"""Programs that a test runs to their end."""

from __future__ import annotations

import asyncio


async def ended(process: asyncio.subprocess.Process, timeout: float) -> tuple[bytes, bytes, int]:
    """Return what a program has yet to print, its errors, and its exit code.

    It is killed when it takes longer than `timeout` seconds: raises `TimeoutError`.
    """
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return out, err, process.returncode
