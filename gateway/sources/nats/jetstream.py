"""JetStream: a durable pull consumer with a pull loop of our own."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import nats.errors

from gateway.cancellation import kept_cancellation
from gateway.core.delivery import Delivery
from gateway.core.source import Intake
from gateway.errors import ConfigError, SourceUnavailable
from gateway.nats.api import JetStreamApi, Object
from gateway.nats.connection import Connection
from gateway.settings import LimitSettings
from gateway.sources.nats.acks import Acknowledgements
from gateway.sources.nats.binding import ConsumerBinding, StreamReplaced
from gateway.sources.nats.events import StreamEvents, StreamPosition, position_from_reply
from gateway.sources.nats.pulls import Pulls
from tidegate.api.subscription import NatsSubject

logger = logging.getLogger(__name__)

_TOO_LARGE = "message size exceeds maxbytes"
_ENDED_WELL = (_TOO_LARGE, "batch completed")
_PUSH_AT = 64
_SECOND = 1_000_000_000
_FRAME = 16 * 1024
"""Room for subject and headers beside the largest payload of a message."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the pull loop waits for what. Seconds."""

    expires: float = 30.0
    """Life of a pull request: what the server forgets by itself if we die."""

    heartbeat: float = 5.0
    """The server's sign of life on an idle request; two missing ones are a reason to look."""

    refresh: float = 3.0
    """Age of the known ack floor while messages flow: what a deleted consumer repeats at most."""

    silence: float = 15.0
    """Without a request open there is no heartbeat; the consumer is asked for instead."""

    request: float = 5.0
    """For one answer of the JetStream API."""

    farewell: float = 2.0
    """For the last acknowledgements, and for messages on their way when reading stops."""

    retry_max: float = 10.0
    """Longest wait before a consumer that cannot be read is looked at again."""


class JetStreamReader:
    """Reads a durable consumer with overlapping pull requests, bounded by the intake's credit.

    A message is acknowledged by what became of it and held in progress until then, also while
    it waits in a lane: `ack_wait` may be short and a function may be slow. Reading stops first
    (`run` ends); acknowledgements and renewals go on until `close`.
    """

    def __init__(
        self,
        name: str,
        spec: NatsSubject,
        limits: LimitSettings,
        timing: Timing | None = None,
        retry: int = 0,
    ) -> None:
        assert spec.jetstream is not None
        self._name = name
        self._spec = spec
        self._durable = spec.jetstream.durable
        self._limits = limits
        self._retry = retry
        self._timing = timing or Timing()
        self._pulls = Pulls(limits.queued_events)
        self._batch: list[Delivery] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._trouble: Exception | None = None
        self._connection: Connection | None = None
        self._subscription: Any = None
        self._reading = False
        self._active = False
        self._doubted = False
        self._tries = 0
        self._heard = 0.0
        self._behind = ""

    async def run(self, connection: Connection, intake: Intake) -> None:
        """Push messages until cancelled."""
        self._connection = connection
        self._client = connection.client
        self._intake = intake
        self._clock = asyncio.get_running_loop().time
        self._acks = Acknowledgements(connection, self._wake.set, self._retry)
        version = self._client.connected_server_version
        self._binding = ConsumerBinding(
            self._name, self._spec, self._api(), (version.major, version.minor)
        )
        connection.listeners.add(self)
        try:
            await self._start()
            while True:
                await self._step()
        except SourceUnavailable as error:
            raise self._trouble or error from None
        finally:
            await self._stop_reading()

    async def close(self) -> None:
        """Send what was settled. What did not reach the server will be delivered again."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.listeners.discard(self)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        left = await self._acks.outbox.finish(self._timing.farewell)
        if left:
            logger.warning(
                "%s: closing before the server confirmed the last acknowledgements;"
                " those messages come again",
                self._name,
            )

    def reconnected(self) -> None:
        self._tries = 0
        self._acks.renew_soon()
        self._doubt()

    def closed(self) -> None:
        self._fail(SourceUnavailable(f"{self._name}: the connection to NATS was closed"))

    def denied(self, reason: str) -> None:
        stream, durable = self._binding.stream.lower(), self._durable.lower()
        ours = (f".{durable}.", f'.{durable}"', f'info.{stream}"', 'stream.names"', '"_inbox.')
        if any(part in reason for part in ours):
            self._fail(
                ConfigError(
                    f"{self._name}: reading consumer {self._durable!r}: the server denies it"
                    f" ({reason.removeprefix('nats: ')}); allow the subject for this user"
                )
            )

    def dropped(self, subscription: object) -> None:
        if subscription is self._subscription:
            logger.warning("%s: the client dropped a message; it will come again", self._name)

    def _api(self) -> JetStreamApi:
        assert self._spec.jetstream is not None
        return JetStreamApi(
            self._client, self._name, self._spec.jetstream.domain, self._timing.request
        )

    async def _start(self) -> None:
        self._adopt(await self._binding.bind())
        assert self._spec.jetstream is not None
        self._events = StreamEvents(self._binding.stream, self._spec.jetstream.domain)
        self._next = (
            f"{self._api().prefix}.CONSUMER.MSG.NEXT.{self._binding.stream}.{self._durable}"
        )
        self._inbox = self._client.new_inbox()
        self._reading = True
        try:
            async with asyncio.timeout(self._timing.request):
                # Bytes are bounded by what is asked for, not by dropping what came.
                with kept_cancellation():
                    self._subscription = await self._client.subscribe(
                        f"{self._inbox}.*", cb=self._receive, pending_bytes_limit=0
                    )
        except (OSError, nats.errors.Error) as error:
            raise SourceUnavailable(f"{self._name}: subscribing to the inbox: {error}") from error
        self._heard = self._clock()
        self._intake.polled()
        for name, work in (
            ("acks", self._acks.outbox.run),
            ("renewals", self._acks.renew),
            ("refresh", self._refresh),
        ):
            task = asyncio.create_task(work(), name=f"{self._name} {name}")
            task.add_done_callback(self._task_ended)
            self._tasks.append(task)

    def _adopt(self, config: Object) -> None:
        """Keep to the bounds that the consumer has."""
        window = min(self._limits.queued_events, config.get("max_ack_pending") or 1 << 30)
        self._window = min(window, config.get("max_batch") or window)
        self._pulls.resize(self._window)
        self._acks.ack_wait = config["ack_wait"] / _SECOND
        # The server wants two heartbeats inside a request at least.
        self._expires = min(self._timing.expires, (config.get("max_expires") or 1e12) / _SECOND)
        self._heartbeat = min(self._timing.heartbeat, self._expires / 3)
        self._most_bytes = config.get("max_bytes") or 0

    async def _step(self) -> None:
        """Do what is to be done now, then wait until something happens."""
        self._wake.clear()
        if self._trouble is not None:
            raise self._trouble
        assert self._connection is not None
        if not self._connection.online.is_set():
            await self._wait(None)
        elif self._doubted:
            await self._rebind()
        elif self._intake.credit <= 0 and not self._pulls.outstanding:
            await self._intake.room()
        else:
            await self._pull()
            await self._wait(self._until_silence())

    async def _wait(self, limit: float | None) -> None:
        try:
            async with asyncio.timeout(limit):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _until_silence(self) -> float | None:
        """Return how long the server may still say nothing; doubt it when that is over."""
        if not self._pulls.outstanding:
            return None
        left = self._heard + 2 * self._heartbeat - self._clock()
        if left > 0:
            return left
        logger.warning("%s: no heartbeat of consumer %s; checking it", self._name, self._durable)
        self._doubt()
        return 0.0

    async def _pull(self) -> None:
        batch = self._pulls.wanted(self._intake.credit, self._acks.held)
        if not batch:
            return
        if not self._pulls.outstanding:
            self._heard = self._clock()
        number = self._pulls.asked(batch)
        body = (
            f'{{"batch":{batch},"max_bytes":{self._bytes_for(batch)},'
            f'"expires":{round(self._expires * _SECOND)},'
            f'"idle_heartbeat":{round(self._heartbeat * _SECOND)}}}'
        )
        try:
            with kept_cancellation():
                await self._client.publish(self._next, body.encode(), f"{self._inbox}.{number}")
        except nats.errors.Error as error:
            raise SourceUnavailable(f"{self._name}: asking for messages: {error}") from error

    def _bytes_for(self, batch: int) -> int:
        """Return the request's share of the memory, and never less than one message needs."""
        share = self._limits.queued_bytes * batch // self._window
        wanted = max(share, self._client.max_payload + _FRAME)
        return min(wanted, self._most_bytes) if self._most_bytes else wanted

    async def _rebind(self) -> None:
        """Look at the consumer again before the next request; wait longer each time in vain."""
        self._doubted = False
        self._pulls.forget()
        if self._tries:
            await self._wait_at_least(min(0.1 * 2**self._tries, self._timing.retry_max))
        self._tries = min(self._tries + 1, 16)
        try:
            self._adopt(await self._binding.bind())
        except StreamReplaced:
            raise
        except SourceUnavailable as error:
            logger.warning("%s; trying again", error)
            self._doubt()

    async def _wait_at_least(self, delay: float) -> None:
        # Acknowledgements wake the loop; only the end of the source may cut this short.
        until = self._clock() + delay
        while self._trouble is None and (left := until - self._clock()) > 0:
            self._wake.clear()
            await self._wait(left)

    async def _receive(self, message: Any) -> None:
        """Take one message or status from the inbox. Runs to its end without suspending."""
        reply = message.reply
        at = position_from_reply(reply) if reply else None
        if at is None:
            self._on_status(message.subject, message.headers or {})
        else:
            self._on_message(message, at)
        if len(self._batch) >= _PUSH_AT or not self._subscription.pending_msgs:
            self._push()

    def _on_message(self, message: Any, at: StreamPosition) -> None:
        self._pulls.arrived(1)
        self._behind = at.pending
        if self._reading:
            self._take(message, at)
        else:
            self._acks.hand_back(message.reply)

    def _take(self, message: Any, at: StreamPosition) -> None:
        key = (at.sequence, at.timestamp)
        if not self._acks.accept(key, message.reply):
            return
        event = self._events.event(message.subject, message.headers, message.data, at)
        delivery = Delivery(event, self._acks.settle, key, key=message.subject)
        delivery.postponable = True
        if at.deliveries != "1":
            delivery.attempts = self._acks.attempts(key, int(at.deliveries))
        self._batch.append(delivery)

    def _push(self) -> None:
        """Hand over what came. The client holds nothing more now, or enough is together."""
        self._wake.set()
        if not self._behind:
            return
        self._heard = self._clock()
        self._tries = 0
        self._active = True
        self._intake.lag(events=int(self._behind))
        self._behind = ""
        if self._batch:
            batch, self._batch = self._batch, []
            self._intake.push(batch)

    def _on_status(self, subject: str, headers: dict[str, str]) -> None:
        """Account for what the server says about a pull request."""
        self._heard = self._clock()
        status, said = headers.get("Status"), headers.get("Description", "").lower()
        if status == "100":
            self._tries = 0
            self._intake.polled()
            return
        owed = headers.get("Nats-Pending-Messages", "")
        number = subject.rpartition(".")[2]
        batch = self._pulls.ended(
            int(number) if number.isdigit() else 0, int(owed) if owed.isdigit() else None
        )
        # A request that got nothing because one message is too large would end so for ever.
        stuck = said == _TOO_LARGE and owed == str(batch)
        if status in ("404", "408") or (said in _ENDED_WELL and not stuck):
            self._tries = 0
            self._intake.polled()
            self._wake.set()
        elif self._reading:
            logger.warning(
                "%s: consumer %s: the server ended a request (%s %s); checking it",
                self._name,
                self._durable,
                status,
                said,
            )
            self._doubt()

    async def _refresh(self) -> None:
        """Keep the known ack floor young while messages flow; show life while credit is out."""
        assert self._connection is not None
        online = self._connection.online
        while True:
            await asyncio.sleep(self._timing.refresh)
            silent = self._clock() - self._heard > self._timing.silence
            if not online.is_set() or not (self._active or silent):
                continue
            self._active = False
            try:
                pending = await self._binding.refresh()
            except SourceUnavailable:
                continue  # the pull loop finds out what is wrong
            if pending is None:
                self._doubt()
            else:
                self._intake.lag(events=pending)
                self._intake.polled()
                if silent:
                    self._heard = self._clock()

    async def _stop_reading(self) -> None:
        """Withdraw the requests; hand back at once what is on its way."""
        self._reading = False
        subscription = self._subscription
        assert self._connection is not None
        if subscription is not None:
            await self._connection.withdraw(subscription, self._timing.farewell)

    def _doubt(self) -> None:
        self._doubted = True
        self._wake.set()

    def _fail(self, error: Exception) -> None:
        self._trouble = self._trouble or error
        self._wake.set()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(SourceUnavailable(f"{task.get_name()}: {error!r}"))
