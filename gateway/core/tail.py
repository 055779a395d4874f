"""Somebody who looks on while events are decided over; never at the cost of an event."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from typing import Any

from gateway.core.decisions import Decision, Decisions
from gateway.core.delivery import Delivery

MOST_WAITING = 500
"""Decisions that wait for the one who looks on; then the oldest are dropped, and counted."""

MOST_BYTES = 4 * 1024 * 1024
LONGEST_PAYLOAD = 64 * 1024
"""Bytes of a payload that are shown; of a longer one the beginning."""

Seen = tuple[Decision, bytes | None]


class Tail:
    """The decisions over one subscription from now on. `news` is set when there are some."""

    def __init__(self, decisions: Decisions, news: asyncio.Event, *, payload: bool) -> None:
        self._decisions = decisions
        self._news = news
        self._payload = payload
        self._waiting: deque[Seen] = deque()
        self._bytes = 0
        self.dropped = 0

    def open(self) -> None:
        """Begin to look."""
        self._decisions.followers = (*self._decisions.followers, self)

    def close(self) -> None:
        """Look no more. Idempotent."""
        others = (one for one in self._decisions.followers if one is not self)
        self._decisions.followers = tuple(others)

    def take(self, decision: Decision, delivery: Delivery) -> None:
        """See `Follower.take`."""
        data = delivery.event.data if self._payload else None
        shown = None if data is None else data[:LONGEST_PAYLOAD]
        self._waiting.append((decision, shown))
        self._bytes += len(shown or b"")
        while len(self._waiting) > MOST_WAITING or self._bytes > MOST_BYTES:
            self._drop()
        self._news.set()

    def taken(self, most: int) -> list[Seen]:
        """Return the oldest that wait, at most `most`."""
        some = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._bytes -= sum(len(shown or b"") for _, shown in some)
        return some

    def _drop(self) -> None:
        _, shown = self._waiting.popleft()
        self._bytes -= len(shown or b"")
        self.dropped += 1


def payload_row(data: bytes | None) -> dict[str, Any]:
    """Return a payload: as text where it is text, else in base64."""
    if data is None:
        return {}
    cut = {"dataCut": True} if len(data) == LONGEST_PAYLOAD else {}
    try:
        return {"data": data.decode(), **cut}
    except UnicodeDecodeError:
        return {"dataBase64": base64.b64encode(data).decode(), **cut}
