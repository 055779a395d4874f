"""Leases in a DynamoDB table, with the fields of Amazon's Kinesis Client Library (KCL).

Our keys are `<group>#<shard>`, so many subscriptions share one table. `checkpointOwner` is who
still works on a lease whose `leaseOwner` waits for it. `doneBeyond` is what a position says after
its first space; the KCL does not know it and leaves it alone. Nothing reads the whole table:
leases are read by their keys, and each write is one conditional call.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from gateway.core.lease import Change, Lease
from gateway.errors import SourceUnavailable
from gateway.stores.dynamodb_table import KEY, LeaseTable, NoTable, Refused

PARALLEL = 16
"""Calls under way at once."""

READ_AT_ONCE = 100
"""Leases of one call: DynamoDB takes no more."""

READ_TRIES = 5
"""Calls for what DynamoDB leaves out of its answers: that is how it throttles such reading."""

READ_BACKOFF = 0.05
"""Seconds before the second of these calls; doubles with each, with jitter."""

_UPDATE = (
    "SET leaseCounter = :counter, leaseOwner = :owner, checkpoint = :checkpoint, "
    "checkpointSubSequenceNumber = :sub, checkpointOwner = :former, doneBeyond = :beyond"
)

T = TypeVar("T")
Each = TypeVar("Each")


class DynamoDbLeases:
    """Leases in `table`, made where it is not there. See `gateway.core.lease.LeaseStore`."""

    def __init__(self, table: LeaseTable) -> None:
        self._table = table

    async def leases(self, group: str, keys: Collection[str]) -> list[Lease]:
        prefix = f"{group}#"
        wanted = [{KEY: {"S": prefix + key}} for key in keys]
        parts = [wanted[at : at + READ_AT_ONCE] for at in range(0, len(wanted), READ_AT_ONCE)]
        pages = await _side_by_side(self._read, parts)
        return [_lease(item, prefix) for page in pages for item in page]

    async def create(self, group: str, leases: Sequence[Lease]) -> None:
        try:
            await self._create(group, leases)
        except NoTable:
            await self._table.make()
            await self._create(group, leases)

    async def replace(self, group: str, changes: Sequence[Change]) -> list[bool | None]:
        answers = await _side_by_side(
            lambda change: self._tried(self._update(group, *change)), changes
        )
        failures = [one for one in answers if isinstance(one, SourceUnavailable)]
        if failures and len(failures) == len(answers):
            raise failures[0]
        return [None if isinstance(one, SourceUnavailable) else one for one in answers]

    async def delete(self, group: str, lease: Lease) -> bool:
        return await self._conditional("delete_item", self._conditioned(group, lease))

    async def close(self) -> None:
        await self._table.close()

    async def _read(self, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Read `keys`, at most a hundred, to the last one."""
        name, found, delay = self._table.name, [], READ_BACKOFF
        wanted: Mapping[str, Any] = {name: {"Keys": keys, "ConsistentRead": True}}
        for _ in range(READ_TRIES):
            page = await self._table.call("reading", "batch_get_item", {"RequestItems": wanted})
            found += page["Responses"].get(name, ())
            wanted = page.get("UnprocessedKeys")
            if not wanted:
                return found
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay *= 2
        raise SourceUnavailable(f"reading the leases of DynamoDB table {name}: throttled")

    async def _create(self, group: str, leases: Sequence[Lease]) -> None:
        for generation in _generations(leases):
            await _side_by_side(lambda one: self._put(group, one), generation)

    async def _put(self, group: str, lease: Lease) -> bool:
        request = {
            "TableName": self._table.name,
            "Item": _item(group, lease),
            "ConditionExpression": f"attribute_not_exists({KEY})",
        }
        return await self._conditional("put_item", request)

    async def _tried(self, update: dict[str, Any]) -> bool | SourceUnavailable:
        """Return a failure instead of raising it: one throttled lease must not stop the others."""
        try:
            return await self._conditional("update_item", update)
        except SourceUnavailable as error:
            return error

    def _conditioned(self, group: str, stored: Lease) -> dict[str, Any]:
        return {
            "TableName": self._table.name,
            "Key": {KEY: {"S": f"{group}#{stored.key}"}},
            "ConditionExpression": "leaseOwner = :stored AND leaseCounter = :seen",
            "ExpressionAttributeValues": {
                ":stored": {"S": stored.owner},
                ":seen": {"N": str(stored.counter)},
            },
        }

    def _update(self, group: str, old: Lease, new: Lease) -> dict[str, Any]:
        request = self._conditioned(group, old)
        checkpoint, sub, beyond = _checkpoint(new.position)
        request["UpdateExpression"] = _UPDATE
        request["ExpressionAttributeValues"] |= {
            ":counter": {"N": str(new.counter)},
            ":owner": {"S": new.owner},
            ":checkpoint": {"S": checkpoint},
            ":sub": {"N": sub},
            ":former": {"S": new.former},
            ":beyond": {"S": beyond},
        }
        return request

    async def _conditional(self, operation: str, request: dict[str, Any]) -> bool:
        """Write if the condition holds; say whether it did."""
        try:
            await self._table.call("writing", operation, request)
        except Refused:
            return False
        return True


async def _side_by_side(call: Callable[[Each], Awaitable[T]], over: Sequence[Each]) -> list[T]:
    """Call for each of `over`, a few at once; raise the first failure."""
    gate = asyncio.Semaphore(PARALLEL)

    async def gated(one: Each) -> T:
        async with gate:
            return await call(one)

    tasks: list[asyncio.Task[T]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(gated(one), name="DynamoDB call") for one in over]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _generations(leases: Sequence[Lease]) -> Iterator[list[Lease]]:
    """Yield parents before their children: seen without its parent, a child would begin."""
    left = {lease.key: lease for lease in leases}
    while left:
        ready = [one for one in left.values() if left.keys().isdisjoint(one.parents)]
        assert ready, "shards descend from each other in a circle"
        yield ready
        for one in ready:
            del left[one.key]


def _item(group: str, lease: Lease) -> dict[str, Any]:
    checkpoint, sub, beyond = _checkpoint(lease.position)
    item: dict[str, Any] = {
        KEY: {"S": f"{group}#{lease.key}"},
        "leaseOwner": {"S": lease.owner},
        "leaseCounter": {"N": str(lease.counter)},
        "checkpoint": {"S": checkpoint},
        "checkpointSubSequenceNumber": {"N": sub},
        "checkpointOwner": {"S": lease.former},
        "doneBeyond": {"S": beyond},
    }
    if lease.parents:
        item["parentShardId"] = {"SS": list(lease.parents)}
    return item


def _lease(item: dict[str, Any], prefix: str) -> Lease:
    checkpoint = item["checkpoint"]["S"]
    sub = item.get("checkpointSubSequenceNumber", {}).get("N", "0")
    place = f"{checkpoint}:{sub}" if _has_sub(checkpoint) else checkpoint
    beyond = item.get("doneBeyond", {}).get("S", "")
    return Lease(
        item[KEY]["S"].removeprefix(prefix),
        f"{place} {beyond}" if beyond else place,
        tuple(sorted(item.get("parentShardId", {}).get("SS", ()))),
        item.get("leaseOwner", {}).get("S", ""),
        int(item["leaseCounter"]["N"]),
        item.get("checkpointOwner", {}).get("S", ""),
    )


def _checkpoint(position: str) -> tuple[str, str, str]:
    """Split a position as the KCL does, into a sequence number or a sentinel and a number within,
    and what it says besides."""
    place, _, beyond = position.partition(" ")
    checkpoint, _, sub = place.partition(":")
    return checkpoint, sub or "0", beyond


def _has_sub(checkpoint: str) -> bool:
    return checkpoint.isdigit() or checkpoint == "AT_TIMESTAMP"
