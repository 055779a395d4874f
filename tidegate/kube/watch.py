"""The events of one watch, while it lasts."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import StrEnum
from typing import Any, NamedTuple

import aiohttp
import orjson

from tidegate.kube.call import Call
from tidegate.kube.errors import Silent, Unavailable
from tidegate.kube.objects import Object
from tidegate.kube.status import Refusal, error_from
from tidegate.kube.transport import translated

_LONGEST_LINE = 16 * 1024 * 1024
_GRACE = 30.0
"""How long after its own end the server may keep a watch, before we end it."""


class EventType(StrEnum):
    """What became of the object of an event."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


class WatchEvent(NamedTuple):
    """One event; a bookmark's object has only a resource version."""

    type: EventType
    object: Object


class Watch:
    """An open watch: iterate over it. It ends when the server ends it, after `lasts` seconds.

    Raises `Gone` when the version is too old, `Silent` when nothing came for `silence` seconds,
    `Unavailable` when the connection broke or something else than an API server speaks.
    """

    def __init__(
        self, call: Call, content: aiohttp.StreamReader, silence: float, lasts: float
    ) -> None:
        self.call = call
        self._content = content
        self._silence = silence
        self._ends = asyncio.get_running_loop().time() + lasts + _GRACE
        self._lines: deque[bytes] = deque()
        self._rest: list[bytes] = []

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> WatchEvent:
        while not self._lines:
            chunk = await self._chunk()
            if not chunk:
                if any(self._rest):
                    raise Unavailable(f"{self.call}: it ended in the middle of an event")
                raise StopAsyncIteration
            self._split(chunk)
        return self._event(self._lines.popleft())

    def _split(self, chunk: bytes) -> None:
        *lines, last = chunk.split(b"\n")
        for line in lines:
            whole = b"".join([*self._rest, line])
            self._rest.clear()
            if whole:
                self._lines.append(whole)
        self._rest.append(last)
        if sum(map(len, self._rest)) > _LONGEST_LINE:
            raise Unavailable(f"{self.call}: an event has more than {_LONGEST_LINE} bytes")

    async def _chunk(self) -> bytes:
        now = asyncio.get_running_loop().time()
        with translated(self.call):
            try:
                async with asyncio.timeout_at(min(now + self._silence, self._ends)):
                    return await self._content.readany()
            except TimeoutError:
                raise Silent(f"{self.call}: neither an event nor a bookmark came") from None

    def _event(self, line: bytes) -> WatchEvent:
        try:
            said = orjson.loads(line)
            obj: Any = said["object"]
            if said["type"] == "ERROR":
                raise error_from(Refusal(self.call, int(obj.get("code") or 500), obj))
            obj["metadata"]["resourceVersion"]
            return WatchEvent(EventType(said["type"]), obj)
        except (ValueError, KeyError, TypeError, AttributeError):
            # Such as the page of a load balancer that lost its API server.
            raise Unavailable(f"{self.call}: what came is not an event of a watch") from None
