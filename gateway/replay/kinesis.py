"""A Kinesis stream as a log: its shards read from a time on, with no lease."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from gateway.context import Context
from gateway.errors import ConfigError, SourceUnavailable
from gateway.replay.log import Entry, Window
from gateway.sources.kinesis.aws import (
    IteratorExpired,
    Throttled,
    close_session,
    open_client,
    open_session,
)
from gateway.sources.kinesis.events import Shard, ShardEvents
from gateway.sources.kinesis.positions import iterator_after
from gateway.sources.kinesis.settings import account_of
from gateway.sources.kinesis.stream import Stream
from tidegate.api.subscription import KinesisStream, Subscription

T = TypeVar("T")

CALL_TIMEOUT = 20.0
"""For one call to Kinesis. Seconds."""

LIMIT = 500
"""Records of one call."""

SHARDS_AT_ONCE = 8
"""Shards that are read by turns: each may have a page in memory."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a shard is asked. Seconds."""

    turn: float = 0.5
    """Between two calls to a shard. It allows five in a second, and the live version has most."""

    backoff: float = 1.0
    """After a refusal or a failure."""

    tries: int = 10
    """Failures of a call in a row, throttling apart, before the stream is said to be away."""


class ShardsLog:
    """The shards of a Kinesis trigger's stream, parents before their children.

    The window is one of arrival times. AWS shares out what a shard gives among all its readers,
    so this one asks rarely, and waits when it is throttled.
    """

    def __init__(
        self,
        subscription: Subscription,
        context: Context,
        window: Window,
        pace: Pace | None = None,
    ) -> None:
        spec = subscription.source
        assert isinstance(spec, KinesisStream)
        self._name = f"{subscription.kind} {subscription.namespace}/{subscription.trigger}"
        self._subscription = subscription
        self._spec = spec
        self._context = context
        self._window = window
        self._pace = pace or Pace()
        self.passed = 0
        self.total: int | None = None

    async def pages(self) -> AsyncGenerator[Sequence[Entry], None]:
        """See `Log.pages`."""
        try:
            async with self._opened() as stream:
                arn = (await stream.summary()).arn
                unread = {one.id: one for one in await self._shards(stream)}
                while unread:
                    # What is read now has its parents behind it.
                    ready = [one for one in unread.values() if not unread.keys() & set(one.parents)]
                    for one in ready:
                        del unread[one.id]
                    async with aclosing(self._read(stream, arn, ready)) as pages:
                        async for page in pages:
                            yield page
                    yield ()
        except (ConfigError, SourceUnavailable) as error:
            raise type(error)(f"{self._name}: {error}") from error

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Stream]:
        account = account_of(self._subscription, self._spec, self._context.secrets)
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(
                self._context.shared.use(
                    ("aws", account.keys is None), lambda: open_session(account), close_session
                )
            )
            client = await open_client(session, "kinesis", account, stack)
            yield Stream(client, self._spec.stream, CALL_TIMEOUT)

    async def _shards(self, stream: Stream) -> list[Shard]:
        found = [one for one in await stream.shards() if self._spec.shard in ("", one.id)]
        if not found:
            raise ConfigError(f"the stream has no shard {self._spec.shard}; correct the trigger")
        return found

    async def _read(
        self, stream: Stream, arn: str, shards: Sequence[Shard]
    ) -> AsyncGenerator[Sequence[Entry], None]:
        """Read shards by turns, some at a time, each to the end of the window."""
        waiting, open_now = deque(shards), deque[ShardLog]()
        while waiting or open_now:
            while waiting and len(open_now) < SHARDS_AT_ONCE:
                open_now.append(ShardLog(stream, arn, waiting.popleft(), self._window, self._pace))
            one = open_now.popleft()
            page = await one.page()
            if page:
                yield page
            if not one.ended:
                open_now.append(one)


class ShardLog:
    """What one shard holds of a window. `ended` once all of it was read."""

    def __init__(self, stream: Stream, arn: str, shard: Shard, window: Window, pace: Pace) -> None:
        self._stream = stream
        self._shard = shard
        self._window = window
        self._pace = pace
        self._events = ShardEvents(arn, shard)
        self._iterator: str | None = None
        self._request: Mapping[str, Any] = {
            "ShardIteratorType": "AT_TIMESTAMP",
            "Timestamp": window.start,
        }
        self._due = 0.0
        self.ended = False

    async def page(self) -> list[Entry]:
        """Ask the shard once, when it is due; return what came of the window."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(self._due - loop.time(), 0))
        batch = await self._patiently(self._batch)
        self._due = loop.time() + self._pace.turn
        self._iterator = batch.get("NextShardIterator")
        records = batch["Records"]
        at_the_tip = not records and not batch.get("MillisBehindLatest")
        past = any(_arrival(one) >= self._window.end for one in records)
        self.ended = self._iterator is None or past or at_the_tip
        if records:
            self._request = iterator_after(records[-1]["SequenceNumber"])
        # Requests name whole seconds, so the first page may begin too early.
        within = [one for one in records if self._window.holds(_arrival(one))]
        return [entry for record in within for entry in self._entries(record)]

    def _entries(self, record: Mapping[str, Any]) -> list[Entry]:
        return [
            Entry(one.event, one.position.text, one.key, self._shard.id)
            for one in self._events.received(record)
            if one.event is not None
        ]

    async def _batch(self) -> Mapping[str, Any]:
        try:
            if self._iterator is None:
                self._iterator = await self._stream.iterator(self._shard.id, self._request)
            return await self._stream.records(self._iterator, LIMIT)
        except IteratorExpired:  # five minutes without a call: events are delivered slowly
            self._iterator = None
            raise

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it works. Throttling is waited out; other failures only some times."""
        failures = 0
        while True:
            try:
                return await call()
            except SourceUnavailable as error:
                failures += not isinstance(error, Throttled)
                if failures >= self._pace.tries:
                    raise
            await asyncio.sleep(self._pace.backoff)


def _arrival(record: Mapping[str, Any]) -> datetime:
    arrived: datetime = record["ApproximateArrivalTimestamp"]
    return arrived
