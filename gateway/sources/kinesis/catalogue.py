"""Which shards a stream has, and a lease for each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gateway.core.lease import Lease, LeaseStore
from gateway.errors import ConfigError
from gateway.sources.kinesis.events import Shard
from gateway.sources.kinesis.stream import Stream


class Catalogue:
    """The shards of `stream` as the leases of `group` know them; the one shard `only`, if named.

    Leases are asked for by the names of the shards that are listed and of their parents, so that
    a store never has to be searched.
    """

    def __init__(self, stream: Stream, store: LeaseStore, group: str, only: str = "") -> None:
        self._stream = stream
        self._store = store
        self._group = group
        self._only = only
        self._pinned = ""
        self._shards: dict[str, Shard] = {}
        self._older: frozenset[str] = frozenset()
        self._keys: frozenset[str] = frozenset()
        self._finished: frozenset[str] = frozenset()

    @property
    def keys(self) -> Collection[str]:
        """What the leases are called that there may be."""
        return self._keys

    def shard(self, key: str) -> Shard | None:
        """Return a shard that is known."""
        return self._shards.get(key)

    async def pin(self, start: str) -> None:
        """Keep where the very first replica began, for all replicas and all shards to come.

        `LATEST` is thereby a moment: nothing that arrives before the first lease is lost, and a
        shard that is found later is read from its first record.
        """
        group, key = f"{self._group}!", "start"
        await self._store.create(group, [Lease(key, start)])
        (kept,) = await self._store.leases(group, [key])
        self._pinned = kept.position

    async def discover(self) -> None:
        """List the shards, make a lease for each that has none, and drop those of shards gone."""
        listed = {one.id: one for one in self._wanted(await self._stream.shards())}
        parents = {parent for one in listed.values() for parent in one.parents}
        keys = parents.union(listed, self._shards, self._older)
        rows = {row.key: row for row in await self._store.leases(self._group, keys)}
        missing = [one for one in listed.values() if one.id not in rows]
        if missing:
            leases = [Lease(one.id, self._pinned, one.parents) for one in missing]
            await self._store.create(self._group, leases)
        gone = [row for row in rows.values() if row.key not in listed]
        for row in gone:
            if row.finished:
                await self._store.delete(self._group, row)
        # What was not read of it in time is lost; its reader finds that out and says so.
        unread = {row.key: Shard(row.key, row.parents) for row in gone if not row.finished}
        self._shards = listed | unread
        self._older = frozenset(key for row in gone for key in (row.key, *row.parents))
        self._keys = self._older | parents | self._shards.keys()

    def has_news(self, rows: Iterable[Lease]) -> bool:
        """Say whether a shard was finished since the last look: its children want to be found."""
        before, self._finished = self._finished, frozenset(one.key for one in rows if one.finished)
        return not self._finished <= before

    def _wanted(self, shards: list[Shard]) -> list[Shard]:
        """Keep the one shard that the trigger names, or all."""
        if not self._only:
            return shards
        chosen = [one for one in shards if one.id == self._only]
        if not chosen:
            ids = ", ".join(one.id for one in shards[:5])
            raise ConfigError(f"the stream has no shard {self._only}; it has {ids}")
        return chosen
