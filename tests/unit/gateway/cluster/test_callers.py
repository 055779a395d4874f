"""How long a replica that leaves goes on taking calls."""

from __future__ import annotations

import asyncio
import itertools

from gateway.cluster.callers import LONGEST, callers_gone


async def test_a_replica_waits_until_no_more_calls_come() -> None:
    counts = [1, 2, 3, 3, 4]
    await callers_gone(lambda: counts.pop(0), 1.0, lull=0.001)
    assert counts == [4]


async def test_a_caller_who_never_goes_does_not_hold_a_replica() -> None:
    counts = itertools.count()
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(30):
        await callers_gone(lambda: next(counts), 0.01, lull=0.001)
    assert loop.time() - began >= LONGEST * 0.01


async def test_without_a_lag_nobody_is_waited_for() -> None:
    await callers_gone(lambda: 0, 0.0, lull=3600.0)
