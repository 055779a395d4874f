"""Who lives, as seen by one replica. Pure but for a clock.

Clocks of different machines differ, so no time in a Lease is compared with ours: a replica is dead
once we have seen its Lease unchanged for as long as it asked for, *while we saw our own change*.
Who hears nothing of itself is deaf, and declares nobody dead; so when the API server is away, or
our way to it, everything stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from tidegate.kube.lease import record_of
from tidegate.kube.objects import Object

LEAVING = "tidegate.io/leaving"
"""Annotation of a Lease whose replica still lives and takes no more work."""

FORGOTTEN = 20
"""Periods after which the Lease of a dead replica is deleted."""


@dataclass(slots=True)
class Sight:
    """What we have seen of one replica: since when its Lease stands unchanged."""

    holder: str
    lasts: float
    leaving: bool
    version: str
    since: float


class Roll:
    """The replicas as we see them. Pure but for `clock`."""

    def __init__(
        self,
        me: str,
        identity: str,
        patience: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._me = me
        self._identity = identity
        self._patience = patience
        self._clock = clock
        self._sights: dict[str, Sight] = {}
        self._echoed = float("-inf")

    def see(self, name: str, lease: Object) -> None:
        """Take note of a Lease as it is now."""
        now, record = self._clock(), record_of(lease)
        annotations = lease["metadata"].get("annotations") or {}
        known = self._sights.get(name)
        since = known.since if known is not None and known.version == record.version else now
        self._sights[name] = Sight(
            record.holder, record.duration, LEAVING in annotations, record.version, since
        )
        if name == self._me and record.holder == self._identity:
            self._hear_ourselves(now)

    def forget(self, name: str) -> None:
        """Take note that a Lease is gone: its replica has left in order."""
        self._sights.pop(name, None)

    def sharing(self) -> frozenset[str]:
        """Return the replicas that take work; this one is always among them."""
        names = (n for n, one in self._sights.items() if self._lives(one) and not one.leaving)
        return frozenset((self._me, *names))

    def alive(self, identity: str) -> bool:
        """Tell whether the process `identity` may still be at work."""
        return identity in self.living()

    def living(self) -> frozenset[str]:
        """Return the identities of all processes that may still be at work."""
        return frozenset(
            one.holder
            for name, one in self._sights.items()
            if one.holder and (name == self._me or self._lives(one))
        )

    def long_dead(self) -> list[tuple[str, str]]:
        """Return name and version of the Leases that nobody will renew."""
        now = self._clock()
        return [
            (name, one.version)
            for name, one in self._sights.items()
            if name != self._me and not self._deaf() and now - one.since > FORGOTTEN * one.lasts
        ]

    def next_end(self) -> float | None:
        """Return in how many seconds the next replica may turn out to be dead; None for never."""
        now = self._clock()
        ends = [one.since + one.lasts - now for n, one in self._sights.items() if n != self._me]
        return min((end for end in ends if end > 0), default=None)

    def _lives(self, one: Sight) -> bool:
        return bool(one.holder) and (self._deaf() or self._clock() - one.since < one.lasts)

    def _deaf(self) -> bool:
        return self._clock() - self._echoed > self._patience

    def _hear_ourselves(self, now: float) -> None:
        """After a time of deafness the others get a whole period to show that they live."""
        if now - self._echoed > self._patience:
            for one in self._sights.values():
                one.since = now
        self._echoed = now
