"""What the parent asks its workers about events, and how they answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from gateway.core.recollection import Question, Row
from gateway.core.tail import MOST_BYTES, MOST_WAITING
from gateway.core.witness import (
    LOOK,
    MOST_FEEDS,
    Feed,
    Found,
    Witness,
    dropped_row,
    newest_first,
)
from gateway.errors import SinkUnavailable
from gateway.workers.messages import Inquiry, Update

ANSWER_TIMEOUT = 5.0
"""Seconds for a worker to answer; without one the answer says so."""

Tell = Callable[[Update], Sequence[int]]
"""Tells every worker that runs; returns their places."""


@dataclass(slots=True)
class _Asked:
    """One question, and what has come of it."""

    follows: bool
    waits_for: set[int] = field(default_factory=set)
    found: Found = field(default_factory=Found)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    rows: deque[Row] = field(default_factory=deque)
    bytes: int = 0
    dropped: int = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Take more rows; where nobody takes them in time, drop and count the oldest."""
        self.rows.extend(rows)
        self.bytes += sum(map(_payload, rows))
        while len(self.rows) > MOST_WAITING or self.bytes > MOST_BYTES:
            self.bytes -= _payload(self.rows.popleft())
            self.dropped += 1

    def taken(self) -> list[Row]:
        """Return all rows, and forget them."""
        rows = [dropped_row(self.dropped), *self.rows] if self.dropped else list(self.rows)
        self.rows.clear()
        self.bytes = self.dropped = 0
        return rows


class Inquiries:
    """The parent's side: one question to all workers, and one answer of theirs."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._numbers = count(1)
        self._asked: dict[int, _Asked] = {}

    async def decisions(self, question: Question) -> Found:
        """See `Witness.decisions`."""
        async with self._open(Inquiry(next(self._numbers), question)) as asked:
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT):
                    while asked.waits_for:
                        asked.news.clear()
                        await asked.news.wait()
            except TimeoutError:
                silent = (f"worker {place} did not answer" for place in sorted(asked.waits_for))
                asked.found.remarks += silent
        found = asked.found
        found.decisions = newest_first(found.decisions)[: question.limit]
        found.subscriptions = _joined(found.subscriptions)
        return found

    @asynccontextmanager
    async def feed(self, question: Question, *, payload: bool) -> AsyncIterator[Feed]:
        """See `Witness.feed`. A worker that is started later has nothing to say in it."""
        if sum(asked.follows for asked in self._asked.values()) >= MOST_FEEDS:
            raise SinkUnavailable(f"{MOST_FEEDS} look on already; try again when one has left")
        inquiry = Inquiry(next(self._numbers), question, follow=True, payload=payload)
        async with self._open(inquiry) as asked:
            yield JoinedFeed(asked)

    def take(self, place: int, report: Mapping[str, Any]) -> None:
        """Take what a worker says to a question; one that nobody asks any more is dropped."""
        asked = self._asked.get(report["inquiry"])
        if asked is None:
            return
        if "found" in report:
            found = Found(**report["found"])
            asked.found.decisions += found.decisions
            asked.found.subscriptions += found.subscriptions
            asked.found.remarks += found.remarks
            asked.waits_for.discard(place)
        asked.add(report.get("rows", ()))
        asked.news.set()

    def lost(self, place: int) -> None:
        """Wait no more for a worker that has ended."""
        for asked in self._asked.values():
            asked.waits_for.discard(place)
            asked.news.set()

    @asynccontextmanager
    async def _open(self, inquiry: Inquiry) -> AsyncIterator[_Asked]:
        asked = self._asked[inquiry.number] = _Asked(inquiry.follow)
        asked.waits_for.update(self._tell(Update(asked=(inquiry,))))
        try:
            yield asked
        finally:
            del self._asked[inquiry.number]
            if inquiry.follow:
                self._tell(Update(unasked=frozenset((inquiry.number,))))


class JoinedFeed(Feed):
    """The rows of all workers."""

    def __init__(self, asked: _Asked) -> None:
        self._asked = asked

    async def rows(self) -> list[Row]:
        """See `Feed.rows`."""
        asked = self._asked
        try:
            async with asyncio.timeout(LOOK):
                await asked.news.wait()
        except TimeoutError:
            return []
        asked.news.clear()
        return asked.taken()


class Informant:
    """The worker's side: answers what the parent asks. `say` sends a report of its own."""

    def __init__(self, witness: Witness, say: Callable[[Mapping[str, Any]], Any]) -> None:
        self._witness = witness
        self._say = say
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def ask(self, inquiries: Sequence[Inquiry], group: asyncio.TaskGroup) -> None:
        """Answer each of `inquiries`, by a task of `group`."""
        for one in inquiries:
            answering = self._follow(one) if one.follow else self._answer(one)
            task = group.create_task(answering, name=f"inquiry {one.number}")
            self._tasks[one.number] = task
            task.add_done_callback(lambda _, number=one.number: self._tasks.pop(number, None))  # type: ignore[misc]  # a default

    def end(self, numbers: frozenset[int] | None = None) -> None:
        """End what is followed: those of `numbers`, or all."""
        for number in numbers if numbers is not None else tuple(self._tasks):
            if number in self._tasks:
                self._tasks[number].cancel()

    async def _answer(self, inquiry: Inquiry) -> None:
        found = await self._witness.decisions(inquiry.question)
        await self._say({"inquiry": inquiry.number, "found": asdict(found)})

    async def _follow(self, inquiry: Inquiry) -> None:
        try:
            async with self._witness.feed(inquiry.question, payload=inquiry.payload) as feed:
                while True:
                    rows = await feed.rows()
                    if rows:
                        await self._say({"inquiry": inquiry.number, "rows": rows})
        except SinkUnavailable:
            return  # too many look on; the parent has the same bound


def _payload(row: Row) -> int:
    """Return the length of what may be long of a row."""
    return len(row.get("data", "")) + len(row.get("dataBase64", ""))


def _joined(rows: Sequence[Row]) -> list[Row]:
    """Return one row a subscription: what one worker has forgotten is not known of all."""
    joined: dict[str, Row] = {}
    for row in rows:
        known = joined.setdefault(row["subscription"], row)
        since = max(filter(None, (known["since"], row["since"])), default=None)
        joined[row["subscription"]] = {**known, "since": since}
    return list(joined.values())
