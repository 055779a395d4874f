"""An intake that records what a source pushes and settles only what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from gateway.core.delivery import Delivery, Outcome


class RecordingIntake:
    """The dispatcher's side of the source port, by hand."""

    def __init__(self, credit: int = 1_000) -> None:
        self.limit = credit
        self.deliveries: list[Delivery] = []
        self.cancelled: list[Delivery] = []
        self.polls = 0
        self.behind: int | None = None
        self.age: float | None = None
        self.gone = 0
        self.uncommitted_count = 0
        self.trouble = ""
        self.parts: int | None = None
        self.fired: str | None = None
        self.busy = False
        """Whether all that is unsettled is being worked on, and is not handed back."""

        self._signal = asyncio.Event()

    @property
    def unsettled(self) -> list[Delivery]:
        """What was pushed and is not settled."""
        return [delivery for delivery in self.deliveries if delivery.outcome is None]

    @property
    def credit(self) -> int:
        """See `Intake.credit`."""
        return max(self.limit - len(self.unsettled) - self.uncommitted_count, 0)

    def push(self, deliveries: Sequence[Delivery]) -> None:
        """See `Intake.push`."""
        self.deliveries.extend(deliveries)
        self._signal.set()

    async def room(self) -> None:
        """See `Intake.room`."""
        while not self.credit:
            await self._next_change()

    def polled(self) -> None:
        """See `Intake.polled`."""
        self.polls += 1
        self._signal.set()

    def uncommitted(self, change: int) -> bool:
        """See `Intake.uncommitted`."""
        self.uncommitted_count += change
        self._signal.set()
        return self.uncommitted_count * 2 >= self.limit

    def unwritable(self, reason: str) -> None:
        """See `Intake.unwritable`."""
        self.trouble = reason

    def lost(self, events: int) -> None:
        """See `Intake.lost`."""
        self.gone += events

    def lag(self, events: int | None = None, seconds: float | None = None) -> None:
        """See `Intake.lag`."""
        self.behind, self.age = events, seconds

    def known(self, *, parts: int | None = None, fired: str | None = None) -> None:
        """See `Intake.known`."""
        self.parts = self.parts if parts is None else parts
        self.fired = self.fired if fired is None else fired

    def cancel(self, delivery: Delivery) -> None:
        """See `Intake.cancel`."""
        self.cancelled.append(delivery)
        delivery.settle(Outcome.DROPPED)
        self._signal.set()

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """See `Intake.release`."""
        for delivery in deliveries:
            if delivery.outcome is None and not self.busy:
                delivery.settle(Outcome.RELEASED)
        self._signal.set()

    def settle(self, outcome: Outcome = Outcome.DELIVERED, count: int | None = None) -> None:
        """Settle the first `count` unsettled deliveries, or all."""
        for delivery in self.unsettled[:count]:
            delivery.settle(outcome)
        self._signal.set()

    async def until(self, count: int, timeout: float = 60) -> list[Delivery]:
        """Return the deliveries once there are `count` of them."""
        async with asyncio.timeout(timeout):
            while len(self.deliveries) < count:
                await self._next_change()
        return self.deliveries

    async def until_polled(self, timeout: float = 30) -> None:
        """Return once the source has said that it is alive."""
        async with asyncio.timeout(timeout):
            while not self.polls:
                await self._next_change()

    async def _next_change(self) -> None:
        self._signal.clear()
        await self._signal.wait()
