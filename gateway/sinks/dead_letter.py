"""Turns what was given up into a dead letter on its way to the sink that keeps it."""

from __future__ import annotations

from gateway.core.dead_letter import dead_letter
from gateway.core.delivery import Answer, Delivery
from gateway.core.sink import Sink
from tidegate.api.subscription import Subscription


class DeadLetterSink:
    """Sends the dead letters of one subscription to `sink`.

    The letter is a delivery of its own: nobody waits for its answer, and settling it is nobody's
    business.
    """

    def __init__(self, subscription: Subscription, sink: Sink) -> None:
        self._subscription = subscription
        self._sink = sink

    async def send(self, delivery: Delivery, deadline: float) -> Answer | None:
        """See `Sink.send`. Raises `EventRejected` for an event that goes in circles."""
        letter = dead_letter(delivery, self._subscription)
        return await self._sink.send(Delivery(letter, _nobody_waits), deadline)

    async def close(self) -> None:
        """See `Sink.close`."""
        await self._sink.close()


def _nobody_waits(_: Delivery) -> None:
    """A letter has no source that is to be told."""
