"""What a worker tells its parent: its log at once, and its books when they have changed."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from gateway.core.progress import Progress, State
from gateway.workers.messages import report_frame
from gateway.workers.tally import tally_of
from tidegate.api.subscription import Subscription

INTERVAL = 0.5
"""Seconds between two looks at the books: how much the parent may not know of a worker's end."""

LINES = 2000
"""Log records that may wait for the parent; then the oldest are dropped, and that is said."""

_LIVE = (State.STARTING, State.RUNNING, State.PAUSED, State.DRAINING)


@dataclass(slots=True)
class _Reported:
    """The progress of one subscription, which keeps its number until it has ended."""

    id: str
    number: int
    progress: Progress
    last: dict[str, Any] = field(default_factory=dict)


class Reports:
    """Sends reports until cancelled. `subscriptions` are those that run now."""

    def __init__(
        self,
        subscriptions: Callable[[], list[tuple[Subscription, Progress]]],
        writer: asyncio.StreamWriter,
        log: ForwardedLog,
    ) -> None:
        self._subscriptions = subscriptions
        self._writer = writer
        self._log = log
        self._numbers = count()
        self._known: dict[int, _Reported] = {}
        self._serving = False

    def serves(self) -> None:
        """Tell the parent that the front door is open."""
        self._serving = True
        self._log.news.set()

    async def run(self) -> None:
        """Report at each interval, also that there is nothing new: that is a sign of life."""
        clock = asyncio.get_running_loop().time
        while True:
            await self.send()
            due = clock() + INTERVAL
            while await self._news_before(due):
                await self._send([])

    async def send(self) -> None:
        """Report now."""
        await self._send(list(self._rows()))

    async def say(self, report: Mapping[str, Any]) -> None:
        """Send an answer to what the parent has asked."""
        self._writer.write(report_frame(report))
        await self._writer.drain()

    async def _send(self, rows: list[dict[str, Any]]) -> None:
        self._log.news.clear()
        report = {"serving": self._serving, "log": self._log.taken(), "rows": rows}
        await self.say(report)

    async def _news_before(self, due: float) -> bool:
        try:
            async with asyncio.timeout_at(due):
                return await self._log.news.wait()
        except TimeoutError:
            return False

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield what has changed, and for the last time what runs no more and has drained."""
        wanted = {id(progress): (one.id, progress) for one, progress in self._subscriptions()}
        for key, (name, progress) in wanted.items():
            if key not in self._known:
                self._known[key] = _Reported(name, next(self._numbers), progress)
        for key, one in list(self._known.items()):
            ended = key not in wanted and one.progress.state not in _LIVE
            now = tally_of(one.progress)
            if ended:
                del self._known[key]
            elif now == one.last:
                continue
            one.last = now
            yield {"id": one.id, "number": one.number, "ended": ended, "tally": now}


class ForwardedLog(logging.Handler):
    """Keeps log records for the next report, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.news = asyncio.Event()
        self._loop = loop
        self._records: deque[dict[str, Any]] = deque(maxlen=LINES)
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        self._dropped += len(self._records) == LINES
        self._records.append(
            {"name": record.name, "level": record.levelno, "at": record.created, "text": text}
        )
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.news.set)

    def taken(self) -> list[dict[str, Any]]:
        """Return what waits, and begin anew."""
        taken: list[dict[str, Any]] = []
        while self._records:
            taken.append(self._records.popleft())
        if self._dropped:
            text = f"{self._dropped} lines were not shown: too many"
            taken.append({**taken[-1], "name": __name__, "level": logging.WARNING, "text": text})
            self._dropped = 0
        return taken


def replayed(records: list[dict[str, Any]], worker: str) -> None:
    """Log in this process what a worker has logged."""
    for one in records:
        logger = logging.getLogger(one["name"])
        if logger.isEnabledFor(one["level"]):
            text = f"{one['text']} ({worker})"
            record = logger.makeRecord(logger.name, one["level"], "", 0, "%s", (text,), None)
            record.created = one["at"]
            logger.handle(record)
