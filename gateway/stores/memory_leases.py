"""Leases of one process: for tests, and for runs that must leave nothing behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from gateway.core.lease import Change, Lease


class MemoryLeases:
    """Keeps leases for as long as it lives. See `gateway.core.lease.LeaseStore`."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[str, Lease]] = defaultdict(dict)

    async def leases(self, group: str, keys: Collection[str]) -> list[Lease]:
        rows = self._groups[group]
        return [rows[key] for key in keys if key in rows]

    async def create(self, group: str, leases: Sequence[Lease]) -> None:
        for lease in leases:
            self._groups[group].setdefault(lease.key, lease)

    async def replace(self, group: str, changes: Sequence[Change]) -> list[bool]:
        return [self._replace(group, *change) for change in changes]

    async def delete(self, group: str, lease: Lease) -> bool:
        same = self._is_stored(group, lease)
        if same:
            del self._groups[group][lease.key]
        return same

    async def close(self) -> None:
        """Nothing to let go of."""

    def _replace(self, group: str, old: Lease, new: Lease) -> bool:
        same = self._is_stored(group, old)
        if same:
            self._groups[group][new.key] = new
        return same

    def _is_stored(self, group: str, lease: Lease) -> bool:
        row = self._groups[group].get(lease.key)
        return row is not None and (row.owner, row.counter) == (lease.owner, lease.counter)
