"""The DynamoDB table that keeps leases: calls with a deadline and our own errors, and its making.

The table is the one that Amazon's Kinesis Client Library (KCL) makes: the string hash key
`leaseKey` and no other, billed by request.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

import botocore.exceptions

from gateway.errors import ConfigError, SourceUnavailable

logger = logging.getLogger(__name__)

KEY = "leaseKey"

CALL_TIMEOUT = 4.0
"""For one call, its repetitions included: a lease must be renewed in time after one that hung."""

TRIES = 3
"""Requests of one call, when DynamoDB throttles or cannot be reached."""

BACKOFF = 0.05
"""Seconds before the second request; doubles, with jitter. The client would wait far longer."""

MAKING_TIMEOUT = 60.0
"""For a new table to become active; AWS needs some ten seconds."""

LOOK_AGAIN = 0.5
"""Between two looks whether a new table is active."""

_NO_TABLE = "ResourceNotFoundException"
_BEING_MADE = "ResourceInUseException"
_DENIED = frozenset({"AccessDeniedException", "UnrecognizedClientException"})
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)


class Refused(Exception):
    """The condition of a write did not hold."""


class NoTable(ConfigError):
    """The table does not exist, or not yet."""


class LeaseTable:
    """Reaches the table `name` through the client that `connect` opens into a given stack.

    Raises `Refused`, `ConfigError` for what only a person can mend, `SourceUnavailable` otherwise.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[AsyncExitStack], Awaitable[Any]],
        *,
        makes_table: bool = True,
    ) -> None:
        self.name = name
        self._connect = connect
        self._makes_table = makes_table
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._opening = asyncio.Lock()

    async def call(self, doing: str, operation: str, request: Mapping[str, Any]) -> Any:
        """Make one call; `doing` is how an error begins."""
        where = f"{doing} the leases of DynamoDB table {self.name}"
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                for number in range(TRIES - 1):
                    with suppress(SourceUnavailable):
                        return await self._request(where, operation, request)
                    await asyncio.sleep(BACKOFF * 2**number * random.uniform(0.5, 1.0))
                return await self._request(where, operation, request)
        except TimeoutError as error:
            raise SourceUnavailable(f"{where}: no answer within {CALL_TIMEOUT:g} s") from error

    async def _request(self, where: str, operation: str, request: Mapping[str, Any]) -> Any:
        try:
            client = await self._connected()
            return await getattr(client, operation)(**request)
        except TimeoutError:
            raise
        except botocore.exceptions.ClientError as error:
            raise self._verdict(where, error) from error
        except (OSError, botocore.exceptions.BotoCoreError) as error:
            raise SourceUnavailable(f"{where}: {error}") from error

    async def make(self) -> None:
        """Make the table and wait until it can be used; raise `NoTable` where we may not.

        Of replicas that find none at the same time one makes it, and all wait for it.
        """
        if not self._makes_table:
            raise NoTable(f"looking for DynamoDB table {self.name}: {self._how_to_make()}")
        try:
            await self.call("making the table of", "create_table", _definition(self.name))
            logger.info("DynamoDB table %s: made it, for leases", self.name)
        except Refused:
            pass  # another replica is making it
        except ConfigError as error:
            raise NoTable(f"{error}, or: {self._how_to_make()}") from error
        await self._active()

    async def close(self) -> None:
        """Let go of the client. Idempotent."""
        await self._stack.aclose()

    async def _active(self) -> None:
        try:
            async with asyncio.timeout(MAKING_TIMEOUT):
                while await self._status() != "ACTIVE":  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(LOOK_AGAIN)
        except TimeoutError as error:
            raise SourceUnavailable(
                f"making DynamoDB table {self.name}: not active within {MAKING_TIMEOUT:g} s"
            ) from error

    async def _status(self) -> str:
        try:
            answer = await self.call("looking at", "describe_table", {"TableName": self.name})
        except NoTable:
            return ""  # what was made a moment ago may not be seen everywhere
        status: str = answer["Table"]["TableStatus"]
        return status

    async def _connected(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._connect(self._stack)
        return self._client

    def _verdict(self, where: str, error: botocore.exceptions.ClientError) -> Exception:
        code = error.response["Error"].get("Code", "")
        if code in ("ConditionalCheckFailedException", _BEING_MADE):
            return Refused(where)
        if code == _NO_TABLE:
            return NoTable(f"{where}: {self._how_to_make()}")
        if code in _DENIED:
            return ConfigError(f"{where}: {code}; allow {_permissions(error)} on it")
        if code == "ValidationException":
            return ConfigError(
                f"{where}: its key is not the string hash key {KEY} alone; name another table in "
                "leaseTable"
            )
        if code in _THROTTLED:
            return SourceUnavailable(f"{where}: throttled ({code})")
        return SourceUnavailable(f"{where}: {code or error}")

    def _how_to_make(self) -> str:
        return (
            "there is no such table; correct leaseTable, or make it: aws dynamodb create-table "
            f"--region {self._client.meta.region_name} --table-name {self.name} "
            f"--attribute-definitions AttributeName={KEY},AttributeType=S "
            f"--key-schema AttributeName={KEY},KeyType=HASH --billing-mode PAY_PER_REQUEST"
        )


def _permissions(error: botocore.exceptions.ClientError) -> str:
    """Say what goes together with the operation that was denied."""
    if error.operation_name in ("CreateTable", "DescribeTable"):
        return "CreateTable and DescribeTable"
    return "BatchGetItem, PutItem, UpdateItem and DeleteItem"


def _definition(name: str) -> dict[str, Any]:
    return {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": KEY, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
