"""What a source still has to tell the server: acknowledgements and answers."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping

import nats.errors

from gateway.cancellation import kept_cancellation
from gateway.nats.connection import Connection

logger = logging.getLogger(__name__)

_TOO_LARGE = {
    "Nats-Service-Error-Code": "500",
    "Nats-Service-Error": "the answer is larger than the server's max_payload",
}

Letter = tuple[str, bytes, dict[str, str] | None]


class Outbox:
    """Sends in order, from one task, what is put in from anywhere without waiting.

    While the server is away letters are kept, and sent once it is back. It holds at most one
    letter per delivery in flight, which is what bounds it.
    """

    def __init__(self, connection: Connection, sent: Callable[[], None]) -> None:
        self._connection = connection
        self._sent = sent
        self._letters: deque[Letter] = deque()
        self._wake = asyncio.Event()

    def put(self, subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send `body` to `subject` soon."""
        self._letters.append((subject, body, dict(headers) if headers else None))
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled or until the connection is closed for good."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._connection.online.wait()
            try:
                with kept_cancellation():
                    await self.flush()
            except nats.errors.ConnectionClosedError:
                return
            self._sent()

    async def flush(self) -> None:
        """Hand everything to the client. A letter leaves the box only when the client has it."""
        letters = self._letters
        publish = self._connection.client.publish
        while letters:
            subject, body, headers = letters[0]
            if not self._connection.fits(body, headers):
                body, headers = b"", _TOO_LARGE
            try:
                await publish(subject, body, headers=headers)
            except nats.errors.OutboundBufferLimitError:
                self._wake.set()
                return
            except (nats.errors.BadSubjectError, nats.errors.BadHeaderError) as error:
                # Whoever asked named a place that nobody can send to. Others wait behind it.
                logger.warning("%s: a reply cannot be sent: %s", subject, error)
            letters.popleft()

    async def finish(self, deadline: float) -> int:
        """Send the rest and have the server confirm it; return how many letters are left."""
        try:
            async with asyncio.timeout(deadline):
                await self._connection.online.wait()
                with kept_cancellation():
                    await self.flush()
                await self._connection.confirmed()
        except (OSError, nats.errors.Error):
            return max(len(self._letters), 1)
        return len(self._letters)
