"""Tells a system that is down from an event that is poison, and pauses for the first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.core.delivery import Delivery, Outcome
from gateway.errors import SinkUnavailable


class BreakerState(Enum):
    """Whether attempts are made."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "halfOpen"


CLOSED = BreakerState.CLOSED
_GIVEN_UP = (Outcome.DEAD_LETTERED, Outcome.DROPPED)


def is_systemic(error: SinkUnavailable) -> bool:
    """Say whether `error` speaks of the destination rather than of the event.

    No connection, no answer in time (408 is a function's own word for it), throttled (429) or
    not ready (503). A 500 is what a function says of an event.
    """
    return error.status in (None, 408, 429, 503)


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens, and for how long. Seconds."""

    threshold: int = 5
    """Different events that must fail in a row, none succeeding between, for it to be the system.
    One event that fails again and again is poison and never opens the breaker."""

    delay: float = 1.0
    """First pause; doubles with each probe that fails."""

    delay_max: float = 30.0
    """Longest pause: how late a system that is back may be noticed."""


class Breaker:
    """Counts system failures in a row over different events.

    `failed` notes one and says whether this opened the breaker; the failures that led there are
    then to be forgotten, since they said nothing about their events: `forgiven` tells how many
    each delivery is owed. While open nothing is attempted; after `pause` seconds one real event
    probes. A success closes it and the concurrency doubles from one with each further success,
    so that a system that has just come back is not run over.
    """

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self._settings = settings or BreakerSettings()
        self._streak: dict[Delivery, int] = {}
        self._given_up = 0
        self._failed_probes = 0
        self._ramp: int | None = None
        self.state = BreakerState.CLOSED

    @property
    def alert(self) -> bool:
        """Whether a success would be news: something failed, or the ramp is not over."""
        failing = self._streak or self._given_up
        return bool(failing) or self._ramp is not None or self.state is not CLOSED

    @property
    def probes(self) -> int:
        """How many probes have failed since it opened."""
        return self._failed_probes

    @property
    def pause(self) -> float:
        """Return the seconds to wait before the next probe."""
        settings = self._settings
        return min(settings.delay * 2.0 ** min(self._failed_probes, 16), settings.delay_max)

    def allowed(self, concurrency: int) -> int:
        """Return how many attempts may be under way at once."""
        match self.state:
            case BreakerState.OPEN:
                return 0
            case BreakerState.HALF_OPEN:
                return 1
            case BreakerState.CLOSED:
                return concurrency if self._ramp is None else min(self._ramp, concurrency)

    def failed(self, delivery: Delivery) -> bool:
        """Note a system failure; return whether the breaker has opened by it."""
        self._ramp = None
        if self.state is BreakerState.HALF_OPEN:
            self._failed_probes += 1
            self.state = BreakerState.OPEN
            self._streak[delivery] = 1
            return True
        self._streak[delivery] = self._streak.get(delivery, 0) + 1
        different = len(self._streak) + self._given_up
        if self.state is BreakerState.OPEN or different < self._settings.threshold:
            return False
        self.state = BreakerState.OPEN
        return True

    def suspects(self, delivery: Delivery) -> bool:
        """Say whether the attempts of `delivery` may yet be forgiven."""
        return self.state is not CLOSED or delivery in self._streak

    def forgiven(self) -> dict[Delivery, int]:
        """Return the attempts that each delivery is owed, and forget the streak."""
        streak, self._streak = self._streak, {}
        self._given_up = 0
        return streak

    def probe(self) -> None:
        """Let one event through."""
        if self.state is BreakerState.OPEN:
            self.state = BreakerState.HALF_OPEN

    def succeeded(self) -> None:
        """Note that the system works."""
        if self._streak:
            self._streak.clear()
        self._given_up = 0
        if self.state is not BreakerState.CLOSED:
            self.state = BreakerState.CLOSED
            self._failed_probes = 0
            self._ramp = 1
        elif self._ramp is not None:
            self._ramp *= 2
            if self._ramp > 1024:
                self._ramp = None

    def ended(self, delivery: Delivery, outcome: Outcome) -> None:
        """Forget a delivery that is settled; one that was given up goes on counting.

        Where events are few, each may be at the end of its tries before the next one comes. What
        was released does not count, since it comes again as another delivery of the same event.
        """
        if self._streak.pop(delivery, 0) and outcome in _GIVEN_UP:
            self._given_up += 1
