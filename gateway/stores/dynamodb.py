"""Leases in a DynamoDB table, with the fields of Amazon's Kinesis Client Library (KCL).

The table has the string hash key `leaseKey`, as the KCL makes it. Our keys are
`<group>#<shard>`, so many subscriptions share one table. `checkpointOwner` is who still works on
a lease whose `leaseOwner` waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import botocore.exceptions

from gateway.core.lease import Change, Lease
from gateway.errors import ConfigError, SourceUnavailable

CALL_TIMEOUT = 5.0
"""For one request, its repetitions included: a lease must be renewed within a third of 10 s."""

PARALLEL = 16
"""Writes under way at once."""

_REFUSED = "ConditionalCheckFailedException"
_UPDATE = (
    "SET leaseCounter = :counter, leaseOwner = :owner, checkpoint = :checkpoint, "
    "checkpointSubSequenceNumber = :sub, checkpointOwner = :former"
)


class DynamoDbLeases:
    """Leases in `table`. See `gateway.core.lease.LeaseStore`.

    `connect` opens a DynamoDB client into the stack that it is given.
    """

    def __init__(self, table: str, connect: Callable[[AsyncExitStack], Awaitable[Any]]) -> None:
        self._table = table
        self._connect = connect
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._opening = asyncio.Lock()

    async def leases(self, group: str) -> list[Lease]:
        prefix = f"{group}#"
        request: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "FilterExpression": "begins_with(leaseKey, :prefix)",
            "ExpressionAttributeValues": {":prefix": {"S": prefix}},
        }
        found: list[Lease] = []
        while True:
            page = await self._call("reading", "scan", request)
            found += [_lease(item, prefix) for item in page.get("Items", ())]
            if not page.get("LastEvaluatedKey"):
                return found
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def create(self, group: str, leases: Sequence[Lease]) -> None:
        # One after the other: a child must not be there before its parents.
        for lease in leases:
            await self._conditional(
                "put_item",
                {
                    "TableName": self._table,
                    "Item": _item(group, lease),
                    "ConditionExpression": "attribute_not_exists(leaseKey)",
                },
            )

    async def replace(self, group: str, changes: Sequence[Change]) -> list[bool]:
        gate = asyncio.Semaphore(PARALLEL)

        async def write(change: Change) -> bool:
            async with gate:
                return await self._conditional("update_item", self._update(group, *change))

        tasks: list[asyncio.Task[bool]] = []
        try:
            async with asyncio.TaskGroup() as writes:
                for change in changes:
                    name = f"{group}: lease of {change[0].key}"
                    tasks.append(writes.create_task(write(change), name=name))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def delete(self, group: str, lease: Lease) -> bool:
        request = self._conditioned(group, lease)
        return await self._conditional("delete_item", request)

    async def close(self) -> None:
        await self._stack.aclose()

    def _conditioned(self, group: str, stored: Lease) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": {"leaseKey": {"S": f"{group}#{stored.key}"}},
            "ConditionExpression": "leaseOwner = :stored AND leaseCounter = :seen",
            "ExpressionAttributeValues": {
                ":stored": {"S": stored.owner},
                ":seen": {"N": str(stored.counter)},
            },
        }

    def _update(self, group: str, old: Lease, new: Lease) -> dict[str, Any]:
        request = self._conditioned(group, old)
        checkpoint, sub = _checkpoint(new.position)
        request["UpdateExpression"] = _UPDATE
        request["ExpressionAttributeValues"] |= {
            ":counter": {"N": str(new.counter)},
            ":owner": {"S": new.owner},
            ":checkpoint": {"S": checkpoint},
            ":sub": {"N": sub},
            ":former": {"S": new.former},
        }
        return request

    async def _conditional(self, operation: str, request: dict[str, Any]) -> bool:
        """Write if the condition holds; say whether it did."""
        try:
            await self._call("writing", operation, request)
        except _Refused:
            return False
        return True

    async def _call(self, doing: str, operation: str, request: dict[str, Any]) -> Any:
        where = f"{doing} the leases of DynamoDB table {self._table}"
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                client = await self._connected()
                return await getattr(client, operation)(**request)
        except TimeoutError as error:
            raise SourceUnavailable(f"{where}: no answer within {CALL_TIMEOUT:g} s") from error
        except botocore.exceptions.ClientError as error:
            raise self._verdict(where, error) from error
        except botocore.exceptions.BotoCoreError as error:
            raise SourceUnavailable(f"{where}: {error}") from error

    async def _connected(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._connect(self._stack)
        return self._client

    def _verdict(self, where: str, error: botocore.exceptions.ClientError) -> Exception:
        code = error.response["Error"].get("Code", "")
        if code == _REFUSED:
            return _Refused(where)
        if code == "ResourceNotFoundException":
            return ConfigError(f"{where}: there is no such table; {_HOW_TO_MAKE}")
        if code in ("AccessDeniedException", "UnrecognizedClientException"):
            return ConfigError(
                f"{where}: {code}; allow Scan, PutItem, UpdateItem and DeleteItem on it"
            )
        return SourceUnavailable(f"{where}: {code or error}")


class _Refused(Exception):
    """The condition of a write did not hold."""


_HOW_TO_MAKE = "make one with the string hash key leaseKey, or correct leaseTable"


def _item(group: str, lease: Lease) -> dict[str, Any]:
    checkpoint, sub = _checkpoint(lease.position)
    item: dict[str, Any] = {
        "leaseKey": {"S": f"{group}#{lease.key}"},
        "leaseOwner": {"S": lease.owner},
        "leaseCounter": {"N": str(lease.counter)},
        "checkpoint": {"S": checkpoint},
        "checkpointSubSequenceNumber": {"N": sub},
        "checkpointOwner": {"S": lease.former},
    }
    if lease.parents:
        item["parentShardId"] = {"SS": list(lease.parents)}
    return item


def _lease(item: dict[str, Any], prefix: str) -> Lease:
    checkpoint = item["checkpoint"]["S"]
    sub = item.get("checkpointSubSequenceNumber", {}).get("N", "0")
    return Lease(
        item["leaseKey"]["S"].removeprefix(prefix),
        f"{checkpoint}:{sub}" if _has_sub(checkpoint) else checkpoint,
        tuple(sorted(item.get("parentShardId", {}).get("SS", ()))),
        item.get("leaseOwner", {}).get("S", ""),
        int(item["leaseCounter"]["N"]),
        item.get("checkpointOwner", {}).get("S", ""),
    )


def _checkpoint(position: str) -> tuple[str, str]:
    """Split a position as the KCL does: a sequence number or a sentinel, and a number within."""
    checkpoint, _, sub = position.partition(":")
    return checkpoint, sub or "0"


def _has_sub(checkpoint: str) -> bool:
    return checkpoint.isdigit() or checkpoint == "AT_TIMESTAMP"
