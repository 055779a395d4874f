"""Acknowledgements of one consumer: what is held, kept in progress, and told when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.core.delivery import Delivery, Outcome
from gateway.nats.connection import Connection
from gateway.sources.nats.events import position_from_reply
from gateway.sources.nats.leases import Attempts, Key, Leases
from gateway.sources.nats.outbox import Outbox

ACK, NAK, TERM, IN_PROGRESS = b"+ACK", b"-NAK", b"+TERM", b"+WPI"

_VERBS = {
    Outcome.DELIVERED: ACK,
    Outcome.FILTERED: ACK,
    Outcome.DROPPED: ACK,
    Outcome.DEAD_LETTERED: TERM,
}
_SECOND = 1_000_000_000


class Acknowledgements:
    """Tells the server what became of each message, and until then that it is in work.

    One sweep renews all that is held every third of `ack_wait`, so that `ack_wait` may be short
    and a function slow; it covers what waits in a lane too.
    """

    def __init__(self, connection: Connection, sent: Callable[[], None], retry: int) -> None:
        self.ack_wait = 30.0
        self.outbox = Outbox(connection, sent)
        self._online = connection.online
        self._leases = Leases()
        self._attempts = Attempts(retry)
        self._renew_now = asyncio.Event()

    @property
    def held(self) -> int:
        """How many messages are not settled."""
        return len(self._leases)

    def accept(self, key: Key, reply: str) -> bool:
        """Hold a message and say whether it is new. A repeat of what is done is acknowledged."""
        if self._leases.holds(key, reply):
            return False
        if self._leases.is_done(key):
            self.outbox.put(reply, ACK)
            return False
        self._leases.take(key, reply)
        return True

    def attempts(self, key: Key, deliveries: int) -> int:
        """Return the attempts that were made at a message before this delivery of it."""
        return self._attempts.recall(key, deliveries)

    def hand_back(self, reply: str) -> None:
        """Refuse a message that came too late to be worked on."""
        self.outbox.put(reply, NAK)

    def settle(self, delivery: Delivery) -> None:
        """Tell how `delivery` ended, soon."""
        key: Key = delivery.position  # type: ignore[assignment]  # the source set it, opaque since
        outcome = delivery.outcome
        assert outcome is not None
        reply = self._leases.finish(key, durable=outcome is not Outcome.RELEASED)
        if outcome is Outcome.RELEASED:
            self._release(key, reply, delivery)
        else:
            self.outbox.put(reply, _VERBS[outcome])

    def _release(self, key: Key, reply: str, delivery: Delivery) -> None:
        at = position_from_reply(reply)
        assert at is not None
        if delivery.attempts:
            self._attempts.remember(key, delivery.attempts, int(at.deliveries))
        delay = round(delivery.delay * _SECOND)
        self.outbox.put(reply, b'%s {"delay":%d}' % (NAK, delay) if delay else NAK)

    def renew_soon(self) -> None:
        """Renew everything at the next opportunity: the server was away."""
        self._renew_now.set()

    async def renew(self) -> None:
        """Tell the server in time that what we hold is in work. Runs until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self.ack_wait / 3):
                    await self._renew_now.wait()
            except TimeoutError:
                pass
            self._renew_now.clear()
            if self._online.is_set():
                for reply in self._leases.replies():
                    self.outbox.put(reply, IN_PROGRESS)
