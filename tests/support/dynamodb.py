"""A DynamoDB table for leases, and stores that reach it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.core.lease import LeaseStore
from gateway.sources.kinesis.aws import Account, open_client, open_session
from gateway.stores.dynamodb import DynamoDbLeases
from gateway.stores.dynamodb_table import LeaseTable
from tests.fakes.aws_emulator import Emulators
from tests.fakes.dynamodb_server import DynamoDbServer
from tests.fakes.installed import NotToBeHad
from tests.fakes.kinesis_server import REGION

TABLE = "tidegate-leases"


def tables_of(emulators: Emulators) -> DynamoDbServer:
    """Return the emulator that tests share, or leave the test out with the reason."""
    try:
        return emulators.running(DynamoDbServer)
    except NotToBeHad as error:
        pytest.skip(f"DynamoDB emulator: {error}")


async def lease_table(server: DynamoDbServer) -> Callable[[], LeaseStore]:
    """Make an empty table of the test's own, and return how to make a store on it."""
    table = f"{TABLE}-{uuid.uuid4().hex}"
    async with AsyncExitStack() as stack:
        await create_table(await client_of(server.url, stack), table)
    return lambda: leases_in(server.url, table)


def leases_in(url: str, table: str = TABLE, *, makes_table: bool = True) -> LeaseStore:
    """Make a store with a client of its own."""

    def connect(stack: AsyncExitStack) -> Awaitable[Any]:
        return client_of(url, stack)

    return DynamoDbLeases(LeaseTable(table, connect, makes_table=makes_table))


async def client_of(url: str, stack: AsyncExitStack) -> Any:
    """Open a client for as long as `stack` lives."""
    account = Account(REGION, url, ("test", "test", ""))
    return await open_client(await open_session(account), "dynamodb", account, stack)


async def create_table(client: Any, name: str, key: str = "leaseKey") -> None:
    """Make a table as an operator would."""
    await client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
