"""A leased event, and the five ways in which it can end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple

from gateway.core.event import CloudEvent
from gateway.core.trail import Step, Trail
from gateway.errors import AlreadySettled

Headers = Sequence[tuple[bytes, bytes]]


class Outcome(Enum):
    """How a delivery ended. All but RELEASED are durable: the source may forget the event."""

    DELIVERED = "delivered"
    FILTERED = "filtered"
    DEAD_LETTERED = "deadLettered"
    DROPPED = "dropped"
    RELEASED = "released"
    """Handed back: the broker (or the caller who was told) has it again."""

    # Members are singletons; Enum's own hash is a Python call, on the path of every event.
    __hash__ = object.__hash__


class Answer(NamedTuple):
    """What a destination said. `headers` are lower-case; `body` may be cut to a bound."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class Delivery:
    """An event that its source waits to hear about, exactly once.

    `key` orders deliveries under `ordering: key`, `partition` under `ordering: partition`.
    `position` belongs to the source; nobody else reads it, but its text tells people where the
    event stood. `attempts` counts the tries made so far, including those of earlier leases where
    the broker counts them. `call` is there when a caller waits for the destination's own answer; it
    is between the source and the sink that understand each other, and the core only asks whether
    there is one. `alone` says that a batch with it ended badly: it is next tried by itself.
    `asked` says that someone gets the answer when it has ended, that of a failure included.
    `postponable` says that its source can bring it again at a time of our choice: `delay` seconds
    after it ended as RELEASED, with the attempts that were made so far. `took` is how long the last
    attempt was, in seconds, and `trail` what happened before, where anything did.
    """

    __slots__ = (
        "alone",
        "answer",
        "asked",
        "attempts",
        "call",
        "delay",
        "event",
        "failed_at",
        "key",
        "last_error",
        "outcome",
        "partition",
        "position",
        "postponable",
        "received_at",
        "settled",
        "size",
        "took",
        "trail",
    )

    def __init__(
        self,
        event: CloudEvent,
        settled: Callable[[Delivery], None],
        position: object = None,
        key: object = None,
        partition: object = None,
    ) -> None:
        self.event = event
        self.settled = settled
        self.position = position
        self.key = key
        self.partition = partition
        self.size = len(event.data) if event.data else 0
        self.attempts = 0
        self.received_at = 0.0
        self.alone = False
        self.asked = False
        self.postponable = False
        self.delay = 0.0
        self.call: object | None = None
        self.answer: Answer | None = None
        self.last_error: Exception | None = None
        self.failed_at: tuple[float, float] | None = None
        self.outcome: Outcome | None = None
        self.took = 0.0
        self.trail: Trail | None = None

    def step(self, step: Step) -> None:
        """Note what has happened to this delivery; what goes as usual is not noted."""
        if self.trail is None:
            self.trail = Trail()
        self.trail.add(step)

    def failed(self, error: Exception) -> None:
        """Note a failure, and the times of the first and the last one (seconds since 1970)."""
        now = time.time()
        self.failed_at = (self.failed_at[0] if self.failed_at else now, now)
        self.last_error = error

    def settle(self, outcome: Outcome) -> None:
        """End this delivery and tell its source. A second call raises `AlreadySettled`."""
        if self.outcome is not None:
            raise AlreadySettled(
                f"{self.event.source} {self.event.id}: settling as {outcome.value}, "
                f"but it already ended as {self.outcome.value}"
            )
        self.outcome = outcome
        self.settled(self)
