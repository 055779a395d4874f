"""Reads a log as the source of a dispatcher that ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from gateway.core.delivery import Delivery
from gateway.core.source import Intake
from gateway.replay.log import Entry, Log
from gateway.replay.pace import Pace

MARK = "tidegatereplay"
"""The extension that every replayed event has: the id of the replay."""


class ReplaySource:
    """Pushes what a log holds, no faster than `pace`, and ends when all of it has ended.

    `read` is told of each delivery as it is pushed, and `settled` as it ends; an event that a
    filter keeps out costs nothing of the rate.
    """

    redelivers = True
    watched = False

    def __init__(
        self,
        log: Log,
        mark: str,
        pace: Pace,
        read: Callable[[Delivery], None],
        settled: Callable[[Delivery, int | None], None],
    ) -> None:
        self._log = log
        self._mark = mark
        self._pace = pace
        self._read = read
        self._told = settled
        self._out = 0
        self._change = asyncio.Event()

    async def run(self, intake: Intake) -> None:
        """See `Source.run`. Returns when every event of the log has ended."""
        async with aclosing(self._log.pages()) as pages:
            async for page in pages:
                intake.polled()
                for entry in page:
                    await self._push(entry, intake)
                if not page:
                    await self._ended()
        await self._ended()

    async def close(self) -> None:
        """See `Source.close`: nothing is written anywhere."""

    async def _push(self, entry: Entry, intake: Intake) -> None:
        while intake.credit <= 0:
            await intake.room()
        delivery = self._delivery(entry)
        self._out += 1
        self._read(delivery)
        intake.push([delivery])
        if delivery.outcome is None:
            await asyncio.sleep(self._pace.spend(asyncio.get_running_loop().time()))

    def _delivery(self, entry: Entry) -> Delivery:
        event = entry.event
        marked = event._replace(extensions={**event.extensions, MARK: self._mark})

        def settled(delivery: Delivery) -> None:
            self._out -= 1
            self._change.set()
            self._told(delivery, entry.status)

        delivery = Delivery(marked, settled, entry.position, entry.key, entry.partition)
        delivery.asked = True  # somebody waits: for no event without end
        return delivery

    async def _ended(self) -> None:
        """Return when nothing that was pushed is under way."""
        while self._out:
            self._change.clear()
            await self._change.wait()
