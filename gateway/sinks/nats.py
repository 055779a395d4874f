"""Publishes events to a JetStream stream, and waits until the stream has stored them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import AsyncExitStack
from typing import Any

import nats.errors

from gateway.cancellation import kept_cancellation
from gateway.context import Context
from gateway.core.dead_letter import LETTER_ID
from gateway.core.delivery import Delivery
from gateway.core.event import CloudEvent
from gateway.errors import (
    AttemptTimeout,
    ConfigError,
    EventRejected,
    SinkUnavailable,
    SourceUnavailable,
)
from gateway.nats.binary import headers_from_event
from gateway.nats.connection import Connection
from gateway.nats.login import borrow, server_of
from tidegate.api.subscription import Subscription

CONFIRM_TIMEOUT = 10.0
"""For a stream's confirmation; it stores once, however often an event is sent. Seconds."""


class NatsSink:
    """Sends to the subject that the subscription's `deadLetter` names, on the trigger's server.

    Success is the stream's own confirmation. `Nats-Msg-Id` is the same for each attempt, so that
    within the stream's duplicate window one event is stored once.
    """

    def __init__(self, subscription: Subscription, context: Context) -> None:
        target = subscription.policy.dead_letter
        assert target is not None
        self._subject = target.target
        self._name = f"publishing to {self._subject}"
        self._subscription = subscription
        self._context = context
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._connection: Connection | None = None
        self._denied = ""

    async def send(self, delivery: Delivery, deadline: float) -> None:
        """See `Sink.send`."""
        event = delivery.event
        headers = {**headers_from_event(event), "Nats-Msg-Id": message_id(event)}
        try:
            async with asyncio.timeout_at(deadline):
                connection = self._connection or await self._open()
                answer = await self._request(connection, event.data or b"", headers)
        except TimeoutError as error:
            raise AttemptTimeout(f"{self._name}: {self._silence()}") from error
        self._judge(answer)

    async def close(self) -> None:
        """See `Sink.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.listeners.discard(self)
        await self._stack.aclose()

    def reconnected(self) -> None:
        """See `Listener.reconnected`: rights may have changed with it."""
        self._denied = ""

    def closed(self) -> None:
        """See `Listener.closed`: the next event tries a new connection."""
        self._connection = None

    def denied(self, reason: str) -> None:
        """See `Listener.denied`: the server answers a forbidden publish with silence."""
        if f'publish to "{self._subject.lower()}"' in reason:
            self._denied = "the server denies it; allow this user to publish there"

    def dropped(self, subscription: object) -> None:
        """See `Listener.dropped`: this subscribes to nothing."""

    async def _open(self) -> Connection:
        async with self._opening:
            if self._connection is None:
                await self._stack.aclose()
                try:
                    server = server_of(self._subscription, self._context)
                    connection = await self._stack.enter_async_context(
                        borrow(server, self._context)
                    )
                except (ConfigError, SourceUnavailable) as error:
                    raise SinkUnavailable(f"{self._name}: {error}") from error
                connection.listeners.add(self)
                self._connection = connection
            return self._connection

    async def _request(self, connection: Connection, body: bytes, headers: dict[str, str]) -> Any:
        """Send, and return the server's answer."""
        if not connection.online.is_set():
            raise SinkUnavailable(f"{self._name}: the NATS server is away")
        if not connection.fits(body, headers):
            raise EventRejected(
                f"{self._name}: the event is larger than the server's max_payload; raise that, or "
                "send such events to another delivery.deadLetter"
            )
        try:
            with kept_cancellation():
                answer = await connection.client.request(
                    self._subject, body, timeout=CONFIRM_TIMEOUT, headers=headers
                )
        except nats.errors.NoRespondersError as error:
            raise SinkUnavailable(
                f"{self._name}: no JetStream stream takes this subject; create one that does, or "
                "correct delivery.deadLetter.nats"
            ) from error
        except TimeoutError:
            raise
        except (OSError, nats.errors.Error) as error:
            raise SinkUnavailable(f"{self._name}: {error or type(error).__name__}") from error
        return answer

    def _judge(self, answer: Any) -> None:
        """Take nothing but a stream's confirmation for success."""
        try:
            said = json.loads(answer.data)
            stream, refusal = said.get("stream"), said.get("error")
        except (ValueError, AttributeError):
            stream = refusal = None
        if refusal:
            raise SinkUnavailable(f"{self._name}: the stream refused it: {_description(refusal)}")
        if not stream:
            raise SinkUnavailable(
                f"{self._name}: something that is no stream answered; name a subject in "
                "delivery.deadLetter.nats that a JetStream stream takes"
            )

    def _silence(self) -> str:
        return self._denied or "no stream confirmed it in time"


def message_id(event: CloudEvent) -> str:
    """Return what the stream knows repetitions by: the letter's id, else one of the event."""
    letter = event.extensions.get(LETTER_ID)
    if letter is not None:
        return letter
    return hashlib.sha256(f"{event.source}\n{event.id}".encode()).hexdigest()[:20]


def _description(refusal: Any) -> str:
    text = refusal.get("description") if isinstance(refusal, dict) else None
    return text if isinstance(text, str) else "it did not say why"
