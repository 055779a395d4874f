"""Leases of shards in Kubernetes objects: one object for each group, one write for each renewal."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import orjson

from gateway.core.lease import Change, Lease
from gateway.errors import SourceUnavailable
from gateway.stores.kubernetes import Changed, LeaseObjects, values_of
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object

TRIES = 8
"""Writes of one change: each replica of a group writes the same object."""

BACKOFF = 0.02
"""Seconds before the second write, at random; doubles with each."""

REMEMBERED = 256
"""Groups whose last state is kept, so that a renewal need not read first."""

_SHARDS = "tidegate.io/shards"

Rows = dict[str, Lease]
T = TypeVar("T")


class KubernetesLeases:
    """Leases in objects of `namespace`. See `gateway.core.lease.LeaseStore`.

    All of a group's leases are in one object, so the renewal of a hundred shards is one request.
    """

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._objects = LeaseObjects(client, namespace, "shards")
        self._last: dict[str, Object] = {}

    async def leases(self, group: str, keys: Collection[str]) -> list[Lease]:
        rows = rows_of(await self._objects.read(group))
        return [rows[key] for key in keys if key in rows]

    async def create(self, group: str, leases: Sequence[Lease]) -> None:
        def added(rows: Rows) -> None:
            for lease in leases:
                rows.setdefault(lease.key, lease)

        await self._change(group, added)

    async def replace(self, group: str, changes: Sequence[Change]) -> list[bool]:
        def replaced(rows: Rows) -> list[bool]:
            return [_replace(rows, *change) for change in changes]

        return await self._change(group, replaced)

    async def delete(self, group: str, lease: Lease) -> bool:
        def deleted(rows: Rows) -> bool:
            return _is_stored(rows, lease) and rows.pop(lease.key, None) is not None

        return await self._change(group, deleted)

    async def close(self) -> None:
        """Nothing to let go of: the client is the gateway's."""

    async def _change(self, group: str, change: Callable[[Rows], T]) -> T:
        """Have `change` work on the leases as they are, and store what it leaves."""
        for number in range(TRIES):
            # A write that succeeds proves that what we had seen last is still so.
            before = self._last.pop(group, None)
            seen_now = before is None
            if before is None:
                before = await self._objects.read(group)
            rows = rows_of(before)
            unchanged = dict(rows)
            answer = change(rows)
            if rows == unchanged:
                if seen_now:
                    return answer
                continue
            try:
                written = await self._objects.write(
                    group, before, self._object(group, before, rows)
                )
            except Changed:
                if seen_now:
                    await asyncio.sleep(BACKOFF * 2**number * random.uniform(0.5, 1.0))
            else:
                self._remember(group, written)
                return answer
        raise SourceUnavailable(f"writing the leases of {group}: others wrote {TRIES} times")

    def _remember(self, group: str, written: Object) -> None:
        if len(self._last) >= REMEMBERED:
            self._last.clear()
        self._last[group] = written

    def _object(self, group: str, before: Object | None, rows: Rows) -> Object:
        table = {
            one.key: [one.position, list(one.parents), one.owner, one.counter, one.former]
            for one in rows.values()
        }
        return self._objects.lease(group, before, "", {_SHARDS: orjson.dumps(table).decode()})


def rows_of(stored: Object | None) -> Rows:
    """Return the leases in an object; raise `SourceUnavailable` for what we have not written."""
    text = values_of(stored).get(_SHARDS, "{}")
    try:
        return {
            key: Lease(key, position, tuple(parents), owner, counter, former)
            for key, (position, parents, owner, counter, former) in orjson.loads(text).items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        name = (stored or {})["metadata"]["name"]
        raise SourceUnavailable(
            f"reading the leases in Lease {name}: its annotation {_SHARDS} was changed by hand; "
            "delete the Lease, and the stream is read from its startingPosition"
        ) from error


def _replace(rows: Rows, old: Lease, new: Lease) -> bool:
    same = _is_stored(rows, old)
    if same:
        rows[new.key] = new
    return same


def _is_stored(rows: Rows, lease: Lease) -> bool:
    row = rows.get(lease.key)
    return row is not None and (row.owner, row.counter) == (lease.owner, lease.counter)
