"""Leases: which replica works on which part of a source, and how far it is done.

A lease is one row of a store that all replicas share. Every change is a conditional write that
raises `counter`, so of two that write at once exactly one succeeds. No clock is compared across
replicas: a lease has run out for those who saw its counter stand still for a whole period, and
its owner stops before that, counting from the beginning of its last successful write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

END = "SHARD_END"
"""The position of a part that is read and settled whole."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One part of a source. `position` belongs to the source, except for `END`.

    `former` is the replica that the lease was taken from and that still finishes what it began;
    the new owner does not begin before that is over, or a period has passed.
    """

    key: str
    position: str
    parents: tuple[str, ...] = ()
    owner: str = ""
    counter: int = 0
    former: str = ""

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do here."""
        return self.position == END


Change = tuple[Lease, Lease]
"""What the writer believes to be stored, and what shall be."""


class LeaseStore(Protocol):
    """Keeps the leases of groups; a group is one stream as one subscription reads it.

    Raises `SourceUnavailable` when the store cannot be reached.
    """

    async def leases(self, group: str, keys: Collection[str]) -> list[Lease]:
        """Return the leases of `group` with `keys`, as far as they are there."""
        ...

    async def create(self, group: str, leases: Sequence[Lease]) -> None:
        """Add those of `leases` that are not there, none before its parents."""
        ...

    async def replace(self, group: str, changes: Sequence[Change]) -> Sequence[bool | None]:
        """Write each change whose owner and counter are still the stored ones; say which were.

        None is for one that may have been written or not, while others of `changes` were answered.
        """
        ...

    async def delete(self, group: str, lease: Lease) -> bool:
        """Remove `lease` if its owner and counter are still the stored ones; say whether."""
        ...

    async def close(self) -> None:
        """Let go of the store. Idempotent."""
        ...


def taken(lease: Lease, owner: str) -> Lease:
    """Return a lease that nobody holds any more, held by `owner`."""
    return replace(lease, owner=owner, counter=lease.counter + 1, former="")


def stolen(lease: Lease, owner: str) -> Lease:
    """Return a lease that somebody holds, held by `owner` once that one has finished."""
    return replace(lease, owner=owner, counter=lease.counter + 1, former=lease.owner)


def renewed(lease: Lease, position: str) -> Lease:
    """Return a lease with a sign of life and how far it is done."""
    return replace(lease, position=position, counter=lease.counter + 1)


def handed_over(lease: Lease, position: str) -> Lease:
    """Return a stolen lease whose former owner has finished at `position`."""
    return replace(lease, position=position, counter=lease.counter + 1, former="")


def released(lease: Lease, position: str) -> Lease:
    """Return a lease that its owner has given up at `position`."""
    return replace(lease, owner="", position=position, counter=lease.counter + 1, former="")


def eligible(leases: Iterable[Lease]) -> list[Lease]:
    """Return the leases there is work on: not finished, and all that went before them is.

    A parent without a lease is past: its records are gone.
    """
    rows = {lease.key: lease for lease in leases}
    return [
        lease
        for lease in rows.values()
        if not lease.finished
        and all(parent not in rows or rows[parent].finished for parent in lease.parents)
    ]
