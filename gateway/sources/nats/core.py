"""Core NATS: a queue group, at most once, and answers to those who asked."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import nats.errors

from gateway.cancellation import kept_cancellation
from gateway.core.delivery import Delivery
from gateway.core.source import Intake
from gateway.errors import ConfigError, SourceUnavailable
from gateway.nats.connection import Connection
from gateway.settings import LimitSettings
from gateway.sources.nats.events import SubjectEvents
from gateway.sources.nats.outbox import Outbox
from gateway.sources.nats.replies import reply_to
from tidegate.api.subscription import NatsSubject

logger = logging.getLogger(__name__)

FLUSH_TIMEOUT = 2.0
CHECK_INTERVAL = 20.0
_PUSH_AT = 64


class CoreReader:
    """Reads a subject as one of a queue group.

    The server keeps nothing and cannot be stopped. Without credit messages wait in the client,
    bounded in count and bytes as a subscription's queue is; what comes beyond is lost, counted
    and said once when it begins and once when it ends.
    """

    def __init__(
        self,
        name: str,
        spec: NatsSubject,
        limits: LimitSettings,
        check_interval: float = CHECK_INTERVAL,
    ) -> None:
        self._name = name
        self._spec = spec
        self._limits = limits
        self._events = SubjectEvents(spec.subject)
        self._batch: list[Delivery] = []
        self._lost = 0
        self._lost_before = 0
        self._check_interval = check_interval
        self._over = asyncio.Event()
        self._trouble: Exception | None = None
        self._connection: Connection | None = None
        self._outbox: Outbox | None = None
        self._answers: asyncio.Task[None] | None = None
        self._subscription: Any = None

    async def run(self, connection: Connection, intake: Intake) -> None:
        """Push messages until cancelled."""
        self._connection = connection
        self._intake = intake
        self._outbox = Outbox(connection, lambda: None)
        self._answers = asyncio.create_task(self._outbox.run(), name=f"{self._name} answers")
        connection.listeners.add(self)
        try:
            await self._subscribe(connection)
            while not self._over.is_set():
                await self._listen(connection)
        finally:
            await self._unsubscribe()
        if self._trouble is not None:
            raise self._trouble

    async def close(self) -> None:
        """Send the answers that are still to be sent."""
        if self._connection is None or self._outbox is None:
            return
        self._connection.listeners.discard(self)
        if self._answers is not None:
            self._answers.cancel()
            await asyncio.wait([self._answers])
        await self._outbox.finish(FLUSH_TIMEOUT)

    def reconnected(self) -> None:
        self._intake.polled()

    def closed(self) -> None:
        self._end(SourceUnavailable(f"{self._name}: the connection to NATS was closed"))

    def denied(self, reason: str) -> None:
        if f'subscription to "{self._spec.subject.lower()}"' in reason:
            self._end(
                ConfigError(
                    f"{self._name}: subscribing to {self._spec.subject}: the server denies it;"
                    " allow the subject for this user or name another secret"
                )
            )

    def dropped(self, subscription: object) -> None:
        if subscription is not self._subscription:
            return
        if not self._lost:
            logger.warning(
                "%s: slow consumer: events come faster than they are taken; those beyond %d"
                " are lost, as core NATS keeps none (use jetstream to keep them)",
                self._name,
                self._limits.queued_events,
            )
        self._lost += 1
        self._intake.lost(1)

    async def _subscribe(self, connection: Connection) -> None:
        spec, limits = self._spec, self._limits
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT):
                with kept_cancellation():
                    self._subscription = await connection.client.subscribe(
                        spec.subject,
                        queue=spec.queue,
                        cb=self._receive,
                        pending_msgs_limit=limits.queued_events,
                        pending_bytes_limit=limits.queued_bytes,
                    )
                await connection.confirmed()
        except nats.errors.BadSubjectError as error:
            raise ConfigError(
                f"{self._name}: {spec.subject!r} is no NATS subject; use tokens joined by dots"
            ) from error
        except (OSError, nats.errors.Error) as error:
            raise SourceUnavailable(
                f"{self._name}: subscribing to {spec.subject}: the server did not confirm it"
            ) from error
        self._intake.polled()

    async def _listen(self, connection: Connection) -> None:
        """Wait for the end, for a while only: a quiet subject must not look like a dead link."""
        try:
            async with asyncio.timeout(self._check_interval):
                await self._over.wait()
        except TimeoutError:
            self._report_losses()
            if connection.online.is_set():
                await self._check(connection)

    async def _check(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT):
                await connection.answered()
        except (OSError, nats.errors.Error):
            return  # the client's own pings decide when the link is dead
        self._intake.polled()

    async def _unsubscribe(self) -> None:
        """Stop the flow; what the client already has still goes in while there is credit."""
        subscription, self._subscription = self._subscription, None
        if subscription is None or self._connection is None:
            return
        if not await self._connection.withdraw(subscription, FLUSH_TIMEOUT):
            unread = subscription.pending_msgs + len(self._batch)
            self._intake.lost(unread)
            logger.warning(
                "%s: stopped with %d events unread, which core NATS does not keep",
                self._name,
                unread,
            )

    async def _receive(self, message: Any) -> None:
        """Push what the client holds; without credit let the rest wait there."""
        intake = self._intake
        event = self._events.event(message.subject, message.headers, message.data)
        delivery = Delivery(event, self._settled, message.reply or None, key=message.subject)
        delivery.asked = bool(message.reply)
        self._batch.append(delivery)
        pending = self._subscription.pending_msgs if self._subscription else 0
        if not pending or len(self._batch) >= min(_PUSH_AT, max(intake.credit, 1)):
            if intake.credit <= 0:
                await intake.room()
            batch, self._batch = self._batch, []
            intake.push(batch)

    def _report_losses(self) -> None:
        """Say that it is over once nothing was lost for a while: bursts would flood the log."""
        if self._lost and self._lost == self._lost_before:
            logger.warning("%s: keeping up again; %d events were lost", self._name, self._lost)
            self._lost = 0
        self._lost_before = self._lost

    def _settled(self, delivery: Delivery) -> None:
        reply = delivery.position
        if not isinstance(reply, str) or self._connection is None or self._outbox is None:
            return
        # An answer that cannot be sent now comes too late for who asked.
        if self._connection.online.is_set():
            body, headers = reply_to(delivery)
            self._outbox.put(reply, body, headers)

    def _end(self, error: Exception) -> None:
        self._trouble = self._trouble or error
        self._over.set()
