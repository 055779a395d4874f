"""Tells what was decided over events, and what is being decided now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gateway.core.decisions import Pending
from gateway.core.progress import Progress
from gateway.core.recollection import MOST_ROWS, Question, Recollection, Row
from gateway.core.tail import Tail, payload_row
from gateway.errors import SinkUnavailable
from tidegate.api.subscription import Subscription

MOST_FEEDS = 16
"""Who may look on at a time."""

BATCH = 100
PACE = 0.1
"""Seconds between two batches of rows: showing events must not cost more than moving them."""

LOOK = 2.0
"""Seconds after which a feed looks for subscriptions that are new, and gives a sign of life."""

Recollect = Callable[[Question], Iterable[tuple[Recollection, Iterable[Pending]]]]
Subscriptions = Callable[[], Iterable[tuple[Subscription, Progress]]]


@dataclass(slots=True)
class Found:
    """The answer to a question: rows of decisions, how far back each ring reaches, remarks."""

    decisions: list[Row] = field(default_factory=list)
    subscriptions: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class Witness:
    """Answers from the rings of one process."""

    def __init__(self, recollect: Recollect, subscriptions: Subscriptions) -> None:
        self._recollect = recollect
        self._subscriptions = subscriptions
        self._feeds = 0

    async def decisions(self, question: Question) -> Found:
        """Return what is remembered, the newest first, and of all at most `question.limit`."""
        most = min(question.limit, MOST_ROWS)
        found = Found()
        for recollection, held in self._recollect(question):
            found.subscriptions.append(recollection.reach())
            found.decisions += islice(recollection.rows(question, held), most)
        found.decisions = newest_first(found.decisions)[:most]
        return found

    @asynccontextmanager
    async def feed(self, question: Question, *, payload: bool) -> AsyncIterator[Feed]:
        """Open a feed. Raises `SinkUnavailable` while too many look on."""
        with self._counted():
            feed = LocalFeed(self._subscriptions, question, payload=payload)
            try:
                yield feed
            finally:
                feed.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._feeds >= MOST_FEEDS:
            raise SinkUnavailable(f"{MOST_FEEDS} look on already; try again when one has left")
        self._feeds += 1
        try:
            yield
        finally:
            self._feeds -= 1


class Feed:
    """Rows of decisions as they are made, in bounded batches."""

    async def rows(self) -> list[Row]:
        """Return the next rows; none is a sign of life. Of rows that were lost one row tells."""
        raise NotImplementedError


class LocalFeed(Feed):
    """The feed of one process."""

    def __init__(self, subscriptions: Subscriptions, question: Question, *, payload: bool) -> None:
        self._subscriptions = subscriptions
        self._question = question
        self._payload = payload
        self._news = asyncio.Event()
        self._tails: dict[int, tuple[Subscription, Progress, Tail]] = {}
        self._dropped = 0
        self._follow()

    async def rows(self) -> list[Row]:
        """See `Feed.rows`."""
        try:
            async with asyncio.timeout(LOOK):
                await self._news.wait()
        except TimeoutError:
            self._follow()
            return []
        await asyncio.sleep(PACE)
        self._news.clear()
        rows = [row for each in self._tails.values() for row in self._rows_of(*each)]
        return [*self._losses(), *rows]

    def close(self) -> None:
        """Look on no more."""
        for _, _, tail in self._tails.values():
            tail.close()
        self._tails.clear()

    def _follow(self) -> None:
        """Look at what is in question now: triggers come and go."""
        wanted = {
            id(progress): (one, progress)
            for one, progress in self._subscriptions()
            if self._question.about(one)
        }
        for key in self._tails.keys() - wanted.keys():
            self._tails.pop(key)[2].close()
        for key in wanted.keys() - self._tails.keys():
            one, progress = wanted[key]
            tail = Tail(progress.decisions, self._news, payload=self._payload)
            tail.open()
            self._tails[key] = (one, progress, tail)

    def _rows_of(self, one: Subscription, progress: Progress, tail: Tail) -> Iterator[Row]:
        recollection = Recollection(one, progress)
        taken = tail.taken(BATCH)
        if len(taken) == BATCH:
            self._news.set()
        self._dropped += tail.dropped
        tail.dropped = 0
        for decision, data in taken:
            yield {**recollection.row(decision), **payload_row(data)}

    def _losses(self) -> list[Row]:
        """Tell of rows that nobody took in time."""
        dropped, self._dropped = self._dropped, 0
        return [dropped_row(dropped)] if dropped else []


def dropped_row(count: int) -> dict[str, Any]:
    """Return what stands in a feed for rows that were lost."""
    return {"dropped": count}


def newest_first(rows: Iterable[Row]) -> list[Row]:
    """Sort rows: first what has not ended, then by when it ended."""
    return sorted(rows, key=_moment, reverse=True)


def _moment(row: Row) -> tuple[bool, str]:
    ended = row["settledAt"]
    return ended is None, ended or row["receivedAt"]
