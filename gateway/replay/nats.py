"""A JetStream stream as a log: read by a consumer of its own, which acknowledges nothing."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import nats.errors

from gateway.cancellation import kept_cancellation
from gateway.context import Context
from gateway.errors import ConfigError, SourceUnavailable
from gateway.nats.api import ApiError, JetStreamApi, Object
from gateway.nats.connection import Connection
from gateway.nats.login import borrow, server_of
from gateway.replay.log import Entry, Window
from gateway.sources.nats.consumer import filters_of
from gateway.sources.nats.events import StreamEvents, StreamPosition, position_from_reply
from tidegate.api.subscription import NatsSubject, Subscription

PAGE = 256
"""Messages of one request."""

PAGE_BYTES = 2 * 1024 * 1024
"""What a request may bring, unless one message is larger."""

DEADLINE = 5.0
"""Seconds for one answer of the server, and for the next message of a request."""

FORGOTTEN = 300
"""Seconds after which the server removes a consumer that we did not: we died, or wait for long."""

TRIES = 5
"""Consumers in a row that bring nothing, before the server is said to be away."""

PAUSE = 1.0
"""Seconds between two of these."""

_SECOND = 1_000_000_000
_FRAME = 16 * 1024
"""Room for subject and headers beside the largest payload of a message."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class Message(NamedTuple):
    """What the server sent, and where it stands."""

    subject: str
    headers: dict[str, str] | None
    data: bytes
    at: StreamPosition


class Stream(NamedTuple):
    """The stream of a trigger, as it was when the reading began."""

    name: str
    last: int


class StreamLog:
    """What the stream of a NATS trigger holds of the trigger's subjects.

    The consumer is forgotten by the server when nobody asks it any more. One that got lost is
    replaced by another that goes on behind the last message that came.
    """

    def __init__(self, subscription: Subscription, context: Context, window: Window) -> None:
        spec = subscription.source
        assert isinstance(spec, NatsSubject)
        self._name = f"{subscription.kind} {subscription.namespace}/{subscription.trigger}"
        if spec.jetstream is None:
            raise ConfigError(
                f"{self._name}: core NATS keeps no messages, so there is no log to replay; set "
                "jetstream, or replay its dead letters"
            )
        self._subscription = subscription
        self._spec = spec
        self._wanted = spec.jetstream
        self._context = context
        self._window = window
        self._end = _nanoseconds(window.end)
        self._sequence = 0
        self.passed = 0
        self.total: int | None = None

    async def pages(self) -> AsyncGenerator[Sequence[Entry], None]:
        """See `Log.pages`."""
        server = server_of(self._subscription, self._context)
        async with borrow(server, self._context) as connection:
            api = JetStreamApi(connection.client, self._name, self._wanted.domain, DEADLINE)
            try:
                stream = await self._stream(api)
                self.total = await self._count(api, stream)
                async with aclosing(self._read(connection, api, stream)) as pages:
                    async for page in pages:
                        yield page
            except ApiError as error:
                kind = SourceUnavailable if error.passing else ConfigError
                raise kind(f"{self._name}: reading its stream: {error}") from error

    async def _stream(self, api: JetStreamApi) -> Stream:
        name = self._wanted.stream or await self._stream_by_subject(api)
        found = await api.request(f"STREAM.INFO.{name}")
        if found["config"].get("retention") == "workqueue":
            raise ConfigError(
                f"{self._name}: stream {name} is a work queue, which forgets what was taken; "
                "replay the trigger's dead letters, or give the stream another retention"
            )
        return Stream(name, int(found["state"]["last_seq"]))

    async def _stream_by_subject(self, api: JetStreamApi) -> str:
        subject = self._subjects[0]
        names = (await api.request("STREAM.NAMES", {"subject": subject})).get("streams") or []
        if not names:
            raise ConfigError(
                f"{self._name}: no JetStream stream holds the subject {subject}, so there is no "
                "log to replay; create one, or correct jetstream.stream"
            )
        if len(names) > 1:
            raise ConfigError(
                f"{self._name}: subject {subject} is in {len(names)} streams; "
                "name one in jetstream.stream"
            )
        return str(names[0])

    @property
    def _subjects(self) -> tuple[str, ...]:
        return filters_of(self._spec, self._wanted)

    async def _count(self, api: JetStreamApi, stream: Stream) -> int:
        """Return how many messages the window holds, as long as none are deleted."""
        counts = []
        for moment in (self._window.start, self._window.end):
            async with self._consumer(api, stream, _from_time(moment)) as (_, pending):
                counts.append(pending)
        return max(counts[0] - counts[1], 0)

    async def _read(
        self, connection: Connection, api: JetStreamApi, stream: Stream
    ) -> AsyncGenerator[Sequence[Entry], None]:
        events = StreamEvents(stream.name, self._wanted.domain)
        tries, start = 0, _from_time(self._window.start)
        while True:
            before = self._sequence
            try:
                async with aclosing(self._consumed(connection, api, stream, start)) as pages:
                    async for page in pages:
                        within = [one for one in page if self._is_within(one, stream)]
                        self.passed += len(within)
                        if within:
                            yield [_entry(one, events) for one in within]
                        if len(within) < len(page):
                            break
                return
            except (SourceUnavailable, ApiError) as error:
                if isinstance(error, ApiError) and not error.passing:
                    raise
                tries = tries + 1 if self._sequence == before else 0
                if tries >= TRIES:
                    raise
                await asyncio.sleep(PAUSE)
            if self._sequence:
                start = {"deliver_policy": "by_start_sequence", "opt_start_seq": self._sequence + 1}

    def _is_within(self, message: Message, stream: Stream) -> bool:
        """Say whether a message is of the window, and was there when the reading began."""
        return int(message.at.timestamp) < self._end and int(message.at.sequence) <= stream.last

    async def _consumed(
        self, connection: Connection, api: JetStreamApi, stream: Stream, start: Object
    ) -> AsyncGenerator[Sequence[Message], None]:
        """Yield what a consumer brings, until it has no more."""
        async with (
            self._consumer(api, stream, start) as (name, pending),
            _inbox(connection) as inbox,
        ):
            subject = f"{api.prefix}.CONSUMER.MSG.NEXT.{stream.name}.{name}"
            while pending:
                page, broken = await self._page(connection, subject, inbox)
                if page:
                    self._sequence = int(page[-1].at.sequence)
                    yield page
                    pending = int(page[-1].at.pending)
                if broken is not None or not page:
                    # What was sent and never came counts as read: only a new consumer has it.
                    why = broken or "the server sends nothing"
                    raise SourceUnavailable(f"{self._name}: reading its stream: {why}")

    async def _page(
        self, connection: Connection, subject: str, inbox: Any
    ) -> tuple[list[Message], Exception | None]:
        """Ask once; return what came, and what broke it off."""
        most = max(PAGE_BYTES, connection.client.max_payload + _FRAME)
        body = json.dumps({"batch": PAGE, "max_bytes": most, "no_wait": True}).encode()
        page: list[Message] = []
        try:
            with kept_cancellation():
                await connection.client.publish(subject, body, inbox.subject)
            while len(page) < PAGE:
                with kept_cancellation():
                    message = await inbox.next_msg(timeout=DEADLINE)
                at = position_from_reply(message.reply) if message.reply else None
                if at is None:
                    break  # that was all, or as much as fits
                page.append(Message(message.subject, message.headers, message.data, at))
                if at.pending == "0":
                    break
        except (OSError, nats.errors.Error) as error:
            return page, error
        return page, None

    @asynccontextmanager
    async def _consumer(
        self, api: JetStreamApi, stream: Stream, start: Object
    ) -> AsyncIterator[tuple[str, int]]:
        """Have a consumer for the length of the block; yield its name, and what it has to bring."""
        name = f"tidegate-replay-{secrets.token_hex(6)}"
        path = f"{stream.name}.{name}"
        config = _config(name, self._subjects) | start
        # With one subject, a user's permissions may name it.
        suffix = f".{self._subjects[0]}" if len(self._subjects) == 1 else ""
        body = {"stream_name": stream.name, "config": config, "action": "create"}
        made = await api.request(f"CONSUMER.CREATE.{path}{suffix}", body)
        try:
            yield name, int(made.get("num_pending", 0))
        finally:
            with suppress(ApiError, SourceUnavailable):  # the server forgets it by itself
                await api.request(f"CONSUMER.DELETE.{path}")


@asynccontextmanager
async def _inbox(connection: Connection) -> AsyncIterator[Any]:
    """Have an inbox for the length of the block."""
    client = connection.client
    try:
        inbox = await client.subscribe(client.new_inbox())
    except (OSError, nats.errors.Error) as error:
        raise SourceUnavailable(f"subscribing to an inbox: {error}") from error
    try:
        yield inbox
    finally:
        with suppress(OSError, nats.errors.Error):
            await inbox.unsubscribe()


def _config(name: str, subjects: Sequence[str]) -> Object:
    """Return a consumer that tells nobody what it has read, but for where it starts."""
    one = {"filter_subject": subjects[0]} if len(subjects) == 1 else {}
    return {
        "name": name,
        "description": "a replay by tidegate",
        "ack_policy": "none",
        "replay_policy": "instant",
        "inactive_threshold": FORGOTTEN * _SECOND,
        "mem_storage": True,
        "num_replicas": 1,
        **(one or {"filter_subjects": list(subjects)}),
    }


def _entry(message: Message, events: StreamEvents) -> Entry:
    event = events.event(message.subject, message.headers, message.data, message.at)
    return Entry(event, message.at.sequence, message.subject)


def _from_time(moment: datetime) -> Object:
    text = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"deliver_policy": "by_start_time", "opt_start_time": text}


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
