"""A sink that keeps what it takes: for embedding, for examples, for tests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from gateway.core.delivery import Answer, Delivery
from gateway.core.event import CloudEvent
from gateway.errors import AttemptTimeout

Behaviour = Callable[[Delivery], Awaitable[Answer | None]]


class MemorySink:
    """Keeps the last `limit` events it took, in order of completion.

    `behaviour` decides per attempt: return to take the event, raise to refuse it.
    """

    def __init__(self, behaviour: Behaviour | None = None, limit: int = 100_000) -> None:
        self._behaviour = behaviour
        self.events: deque[CloudEvent] = deque(maxlen=limit)
        self.taken = 0
        self.attempts = 0
        self._changed = asyncio.Event()

    async def send(self, delivery: Delivery, deadline: float) -> Answer | None:
        """See `Sink.send`."""
        self.attempts += 1
        answer = None
        if self._behaviour is not None:
            try:
                async with asyncio.timeout_at(deadline):
                    answer = await self._behaviour(delivery)
            except TimeoutError as error:
                raise AttemptTimeout("the memory sink did not answer in time") from error
        self.events.append(delivery.event)
        self.taken += 1
        self._changed.set()
        return answer

    async def close(self) -> None:
        """See `Sink.close`."""

    async def until(self, taken: int) -> None:
        """Return when at least `taken` events were taken."""
        while self.taken < taken:
            self._changed.clear()
            await self._changed.wait()
