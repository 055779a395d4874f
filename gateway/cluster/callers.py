"""Callers who have not heard yet that a replica leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LULL = 1.0
"""Seconds without a call after which nobody is expected to send one."""

LONGEST = 3
"""Times the lag of endpoints that callers are waited for: one may call here for ever."""


async def callers_gone(calls: Callable[[], int], lag: float, lull: float = LULL) -> None:
    """Return when `lag` seconds are over and no call has come for `lull` seconds more, after
    `LONGEST` times the lag at the latest. `calls` tells how many have come so far.

    Endpoints forget a pod at once, but a node or an edge that is busy hears of it when it hears.
    """
    loop = asyncio.get_running_loop()
    latest = loop.time() + LONGEST * lag
    await asyncio.sleep(lag)
    seen = -1
    while loop.time() < latest and (now := calls()) != seen:
        seen = now
        await asyncio.sleep(lull)
