"""The port where events go out."""

from __future__ import annotations

from typing import Protocol

from gateway.core.delivery import Answer, Delivery


class Sink(Protocol):
    """Takes events, one call at a time per delivery, many deliveries at once."""

    async def send(self, delivery: Delivery, deadline: float) -> Answer | None:
        """Return when the destination has durably taken the event; its answer, if it gives one.

        `deadline` is absolute, on the clock of the running loop; the sink keeps it itself.
        Raises `SinkUnavailable` (try again; `NoEndpoint` and `AttemptTimeout` are such),
        `EventRejected` (never try again) or `CallerGone`. Unknown is not success: a connection
        that died after the request was written is `SinkUnavailable`. Safe to cancel.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
        ...
