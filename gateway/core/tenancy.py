"""One replica's part in sharing leases: what it holds, what it takes, what it gives up."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from gateway.core.lease import (
    Change,
    Lease,
    LeaseStore,
    eligible,
    handed_over,
    released,
    renewed,
    stolen,
    taken,
)

logger = logging.getLogger(__name__)

SAFETY = 0.9
"""Part of the period for which an owner trusts its lease: clocks do not all run alike."""

HAND_OVER_TRIES = 3
"""Writes of one handing over: a sign of life of the new owner rarely comes between twice."""


@dataclass(slots=True)
class Tenure:
    """A lease that this replica holds, or still finishes for its new owner."""

    lease: Lease
    until: float
    """When work must stop if nothing is written before."""

    waits_until: float | None = None
    """How long the former owner may take to hand over; None when there is none."""

    leaving: bool = False
    """Whether another replica has taken it over: finish, begin nothing."""


@dataclass(frozen=True, slots=True)
class Replica:
    """Who this is, and the pace that all replicas of a group share. Seconds."""

    name: str
    period: float = 10.0
    clock: Callable[[], float] = lambda: asyncio.get_running_loop().time()


class Tenancy:
    """Holds leases of `group` for one replica, evenly among those that are alive.

    Nothing here runs by itself: whoever owns it calls `renew` at least three times a period,
    `note` between as often as positions shall be written, and `seek` as often as it wants to take
    part in the sharing.
    """

    def __init__(self, group: str, store: LeaseStore, replica: Replica) -> None:
        self._group = group
        self._store = store
        self._me = replica.name
        self._period = replica.period
        self._clock = replica.clock
        self._tenures: dict[str, Tenure] = {}
        self._seen: dict[str, tuple[str, int, float]] = {}

    def working(self) -> list[Lease]:
        """Return the leases on which this replica may begin work now."""
        now = self._clock()
        return [
            one.lease
            for one in self._tenures.values()
            if one.until > now and one.waits_until is None and not one.leaving
        ]

    def leaving(self) -> list[Lease]:
        """Return the leases that must be handed over as soon as what was begun is finished."""
        now = self._clock()
        return [one.lease for one in self._tenures.values() if one.leaving and one.until > now]

    def holds(self, key: str) -> bool:
        """Say whether `key` is this replica's, to work on or to finish."""
        tenure = self._tenures.get(key)
        return tenure is not None and tenure.until > self._clock()

    def positions(self) -> dict[str, str]:
        """Return the position that each lease held is known to have."""
        return {key: one.lease.position for key, one in self._tenures.items()}

    # Keeping what is held.

    async def renew(self, positions: Mapping[str, str]) -> None:
        """Write a sign of life and the position of everything held; drop what was lost."""
        self._drop_lapsed()
        await self._renew(list(self._tenures), positions)

    async def note(self, positions: Mapping[str, str]) -> bool:
        """Write those of `positions` that moved; say whether the store took that without trouble.

        Where it did not, it wants to be left alone until it is time to renew.
        """
        self._drop_lapsed()
        moved = [
            key
            for key, position in positions.items()
            if key in self._tenures and position != self._tenures[key].lease.position
        ]
        await self._renew(moved, positions)
        kept = (self._tenures[key] for key in moved if key in self._tenures)
        return all(one.leaving or positions[one.lease.key] == one.lease.position for one in kept)

    async def _renew(self, keys: Collection[str], positions: Mapping[str, str]) -> None:
        """Write those of the leases with `keys` that are not on their way to another replica."""
        started = self._clock()
        changes = [
            (one.lease, self._renewed(one, positions.get(key, one.lease.position), started))
            for key, one in self._tenures.items()
            if key in keys and not one.leaving
        ]
        refused = await self._write(changes, started)
        if refused:
            await self._look_again(refused)

    async def hand_over(self, key: str, position: str) -> bool:
        """Tell the new owner of a lease that it may begin; say whether that was written.

        The new owner renews as often as we come here, so that what we last read of the lease is
        always one sign of life behind: a refused write is tried again at once, on what it is now.
        """
        for _ in range(HAND_OVER_TRIES):
            tenure = self._tenures.get(key)
            if tenure is None or not tenure.leaving:
                return False
            if await self._give_up(key, handed_over(tenure.lease, position)):
                return True
        return False

    async def release(self, key: str, position: str) -> bool:
        """Give up a lease; say whether that was written. Where it was not, try again."""
        tenure = self._tenures[key]
        return await self._give_up(key, released(tenure.lease, position))

    async def leave(self, positions: Mapping[str, str]) -> None:
        """Give up everything at once, as far as that is possible; for a replica that goes.

        As with `hand_over`, a refused write is tried again on what the lease is now: its new
        owner has shown a sign of life, or has taken it since we looked, and would else repeat all
        that was settled after the last renewal. What a former owner still finishes runs out by
        itself: whoever takes it then has waited long enough for both.
        """
        for _ in range(HAND_OVER_TRIES):
            changes = [
                (one.lease, _given_up(one, positions.get(key, one.lease.position)))
                for key, one in self._tenures.items()
                if one.until > self._clock() and one.waits_until is None
            ]
            if not changes:
                break
            written = await self._store.replace(self._group, changes)
            for (old, _), well in zip(changes, written, strict=True):
                if well:
                    del self._tenures[old.key]
            refused = [old.key for (old, _), well in zip(changes, written, strict=True) if not well]
            if refused:
                await self._look_again(refused)
        self._tenures.clear()

    async def _give_up(self, key: str, new: Lease) -> bool:
        (written,) = await self._store.replace(self._group, [(self._tenures[key].lease, new)])
        if written:
            del self._tenures[key]
            return True
        await self._look_again([key])
        return False

    def _renewed(self, tenure: Tenure, position: str, now: float) -> Lease:
        """Renew; a former owner that had its time and said nothing is waited for no longer."""
        lease = renewed(tenure.lease, position)
        if tenure.waits_until is not None and now >= tenure.waits_until:
            return replace(lease, former="")
        return lease

    async def _write(self, changes: list[Change], started: float) -> list[str]:
        """Write `changes`; return the keys of those that were refused.

        What nobody answered for may lapse; what the store has of it is seen at the next write.
        """
        if not changes:
            return []
        written = await self._store.replace(self._group, changes)
        for (_, new), well in zip(changes, written, strict=True):
            if well:
                self._hold(new, started)
        return [old.key for (old, _), well in zip(changes, written, strict=True) if well is False]

    def _hold(self, lease: Lease, started: float) -> None:
        """Note a lease that was written at `started` or later."""
        tenure = self._tenures.setdefault(lease.key, Tenure(lease, started))
        tenure.lease = lease
        tenure.until = started + self._period * SAFETY
        if not lease.former:
            tenure.waits_until = None
        elif tenure.waits_until is None:
            tenure.waits_until = self._clock() + self._period

    async def _look_again(self, refused: Collection[str]) -> None:
        """Find out what became of leases that somebody else has written."""
        rows = {row.key: row for row in await self._look(refused)}
        for key in refused:
            row, tenure = rows.get(key), self._tenures.get(key)
            if tenure is None:
                continue
            if row is not None and row.owner == self._me:
                self._adopt(tenure, row)
            elif row is not None and row.former == self._me:
                tenure.lease, tenure.leaving = row, True
            else:
                self._lose(key, "another replica holds it")

    def _adopt(self, tenure: Tenure, row: Lease) -> None:
        """Take in what was handed over to us, or a write of ours whose answer was lost."""
        tenure.lease = row
        if not row.former:
            tenure.waits_until = None
        if row.finished:
            del self._tenures[row.key]

    def _drop_lapsed(self) -> None:
        now = self._clock()
        for key in [key for key, one in self._tenures.items() if one.until <= now]:
            leaving = self._tenures[key].leaving
            self._lose(key, "its new owner waits no longer" if leaving else "not renewed in time")

    def _lose(self, key: str, why: str) -> None:
        del self._tenures[key]
        logger.warning("%s: lost the lease of %s: %s", self._group, key, why)

    # Taking.

    async def seek(self, keys: Collection[str]) -> list[Lease]:
        """Look at the leases with `keys`, which is all there are, and take a fair share of them.

        Returns the leases as they were before that.
        """
        rows = await self._look(keys)
        self._seen = {row.key: self._seen[row.key] for row in rows}
        started = self._clock()
        changes = self._wanted(eligible(rows), started)
        await self._write(changes, started)
        return rows

    async def _look(self, keys: Collection[str]) -> list[Lease]:
        """Read the leases with `keys`, and note which of them show a sign of life."""
        rows = await self._store.leases(self._group, keys)
        now = self._clock()
        for row in rows:
            owner, counter, since = self._seen.get(row.key, ("", -1, now))
            unchanged = (owner, counter) == (row.owner, row.counter)
            self._seen[row.key] = (row.owner, row.counter, since if unchanged else now)
        return rows

    def _free(self, lease: Lease, now: float) -> bool:
        """Whether nobody works on `lease`."""
        if lease.key in self._tenures:
            return False
        if lease.owner in ("", self._me) and not lease.former:
            return True
        return now - self._seen[lease.key][2] >= self._period

    def _wanted(self, rows: list[Lease], now: float) -> list[Change]:
        """Return the writes that take what is free, or one lease of who has most."""
        free = [row for row in rows if self._free(row, now)]
        taken_keys = {row.key for row in free}
        load = Counter(row.owner for row in rows if row.key not in taken_keys)
        mine = load.setdefault(self._me, 0)
        fair = -(-len(rows) // len(load))
        if free:
            random.shuffle(free)
            return [(row, taken(row, self._me)) for row in free[: max(fair - mine, 0)]]
        victim, most = max(load.items(), key=lambda one: one[1])
        if most - mine < 2 or any(one.waits_until is not None for one in self._tenures.values()):
            return []
        choice = [row for row in rows if row.owner == victim and not row.former]
        return [(row, stolen(row, self._me)) for row in random.sample(choice, min(1, len(choice)))]


def _given_up(tenure: Tenure, position: str) -> Lease:
    """A lease that is taken from us stays with its new owner, who may begin."""
    return (handed_over if tenure.leaving else released)(tenure.lease, position)
