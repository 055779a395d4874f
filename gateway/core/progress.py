"""What one subscription has done and is doing: its books, its state, its pace."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from gateway.core.decisions import Decisions
from gateway.core.delivery import Outcome

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
"""Upper bounds in seconds of the attempt durations; twelve, since a scrape pays for each."""


class State(Enum):
    """What a subscription is doing."""

    STARTING = "Starting"
    RUNNING = "Running"
    PAUSED = "Paused"
    BACKING_OFF = "BackingOff"
    DRAINING = "Draining"
    REFUSED = "Refused"
    STOPPED = "Stopped"


class Histogram:
    """Counts durations in fixed buckets; 0.1 µs where a client library takes 0.6."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


@dataclass(slots=True)
class Books:
    """The balance of one subscription: received = all outcomes + in flight, always.

    What is in flight is counted where it is held, not derived from the others; `drift` is
    therefore a proof, and anything but 0 is a bug that lost or invented an event.
    """

    received: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    holding: Callable[[], int] = lambda: 0
    """Counts the deliveries that are held; the running dispatcher puts itself here."""

    @property
    def in_flight(self) -> int:
        """Deliveries received and not yet settled."""
        return self.holding()

    @property
    def drift(self) -> int:
        """Return what the books are off by; 0 unless there is a bug."""
        return self.received - sum(self.outcomes.values()) - self.in_flight


@dataclass(slots=True)
class Progress:
    """Published per subscription; survives restarts of its source."""

    books: Books = field(default_factory=Books)
    state: State = State.STARTING
    reason: str = ""
    """Why the state is what it is, in a sentence for the user; empty when all is well."""

    attempts: dict[str, int] = field(
        default_factory=lambda: {"success": 0, "unavailable": 0, "timeout": 0, "rejected": 0}
    )
    durations: Histogram = field(default_factory=Histogram)
    waiting: int = 0
    """Deliveries between two attempts."""

    parked: int = 0
    """Deliveries that hold their lane until someone acts."""

    unwritten: int = 0
    """Dead letters that their target has refused so far; they hold their lanes meanwhile."""

    uncommitted: int = 0
    """Events that have ended and whose source has not written that yet: a crash repeats them."""

    unwritable: str = ""
    """Why that cannot be written now; empty while it can."""

    breaker: str = "closed"
    """`open` and `halfOpen` while the function as a whole takes nothing; see `Breaker`."""

    lost: int = 0
    """Events that the source had to throw away: no part of the books, as they were not received."""

    last_error: str = ""
    restarts: int = 0
    lag_events: int | None = None
    lag_seconds: float | None = None
    parts: int | None = None
    """How many readers get events at a time: partitions, or shards; None when not known."""

    fired: str = ""
    """The last nominal time of a schedule; empty when none has been yet, or it is no schedule."""

    last_received: float | None = None
    last_settled: float | None = None
    last_polled: float = 0.0
    watched: bool = False
    """Whether the source's silence means trouble (see `Source.watched`)."""

    decisions: Decisions = field(default_factory=Decisions)
    """The last decisions over its events, to be explained when somebody asks."""

    clock: Callable[[], float] = time.monotonic
    """What all times here are read from. Not the loop's clock: uvloop's ticks in milliseconds."""

    def snapshot(self) -> Progress:
        """Return a copy that stays as it is: counters read while they change do not balance."""
        histogram = Histogram()
        histogram.counts, histogram.sum = list(self.durations.counts), self.durations.sum
        held, books = self.books.in_flight, self.books
        return replace(
            self,
            books=replace(books, outcomes=dict(books.outcomes), holding=lambda: held),
            attempts=dict(self.attempts),
            durations=histogram,
        )

    def silence(self) -> float:
        """Return the seconds since the source last heard from its broker."""
        return self.clock() - self.last_polled
