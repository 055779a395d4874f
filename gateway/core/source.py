"""The port where events come in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from gateway.core.delivery import Delivery


class Intake(Protocol):
    """Where a source puts deliveries. The dispatcher's side of the port.

    Credit is how a full dispatcher stops a source: bounded in events and in bytes, and
    never refilled by dropping.
    """

    @property
    def credit(self) -> int:
        """How many deliveries may be pushed now; 0 when the bounds are reached."""
        ...

    def push(self, deliveries: Sequence[Delivery]) -> None:
        """Take over `deliveries`, in order. Each will be settled exactly once.

        Going over the credit by the rest of one batch is allowed (it cannot be unread);
        reading on is not. Some may be settled before this returns (a filter said no).
        """
        ...

    async def room(self) -> None:
        """Return when there is credit again. Safe to cancel."""
        ...

    def cancel(self, delivery: Delivery) -> None:
        """Stop working on `delivery`, which was pushed and is not settled; it ends as DROPPED."""
        ...

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """Hand back those of `deliveries` that nobody is working on; they end as RELEASED.

        For a source that loses the right to a part of what it pushed, and pushes no more of that
        part. An attempt under way goes on; where it fails, the delivery is handed back instead
        of tried again. What is settled is left alone.
        """
        ...

    def polled(self) -> None:
        """Say that the source is alive: its broker answered, even with nothing."""
        ...

    def lag(self, events: int | None = None, seconds: float | None = None) -> None:
        """Say how far behind the source is, when it knows."""
        ...

    def known(self, *, parts: int | None = None, fired: str | None = None) -> None:
        """Say what else is known, where it is; what is left out stays.

        `parts` is how many readers get events at a time: partitions, or shards. `fired` is the
        last nominal time of a schedule, as RFC 3339.
        """
        ...

    def uncommitted(self, change: int) -> bool:
        """Say that so many more events have ended than their broker was told of; or fewer.

        For a source that does not tell of each end at once. Until then an ended event keeps its
        place in the credit, so that a crash never repeats more than the bound. Called with 1 in
        the settlement of each, and with less than 0 once their end is written. Returns whether
        half of the bound waits so: time to write, or there will be nothing to work on.
        """
        ...

    def unwritable(self, reason: str) -> None:
        """Say why what has ended cannot be written now; with nothing, that it can again."""
        ...

    def lost(self, events: int) -> None:
        """Say that `events` more were thrown away before they could be pushed, and come no more."""
        ...


class Source(Protocol):
    """Reads one subscription's events from one broker.

    The runner calls `run` once and `close` once; a source that failed is thrown away and a
    new one is made after a backoff, so an adapter has no reconnect loop of its own beyond
    what its client does well.
    """

    redelivers: bool
    """Whether a RELEASED delivery comes again. False makes a drain wait for what is queued."""

    watched: bool
    """Whether silence means trouble: the source asks its broker in a loop and calls `polled`."""

    async def run(self, intake: Intake) -> None:
        """Connect, then push deliveries until cancelled (soft stop: read no more).

        Raises `ConfigError` for what only the user can mend and `SourceUnavailable` for the
        rest. Returning means that the source has ended: everything was read. After `run` is
        over, deliveries still out are settled as usual, and those settlements must still reach
        the broker until `close`.
        """
        ...

    async def close(self) -> None:
        """Write out what was settled (acks, commits) and let go of the broker.

        Called after the drain, also when `run` failed or never began. Must end within a few
        seconds and not raise because the broker is away: what could not be written will be
        delivered again.
        """
        ...
