"""Waiting for what has no event of its own to wait on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


async def until(condition: Callable[[], Any], timeout: float = 3600, every: float = 0.02) -> None:
    """Return once `condition()` holds; on virtual time this costs nothing. Fails at `timeout`."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(every)
