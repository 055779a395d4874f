"""A DynamoDB table for leases, and stores that reach it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.lease import LeaseStore
from gateway.sources.kinesis.aws import Account, open_client, open_session
from gateway.stores.dynamodb import DynamoDbLeases
from gateway.stores.dynamodb_table import LeaseTable
from tests.fakes.dynamodb_server import DynamoDbServer
from tests.fakes.installed import NotToBeHad
from tests.fakes.kinesis_server import REGION

TABLE = "tidegate-leases"


@asynccontextmanager
async def dynamodb(folder: Path) -> AsyncIterator[DynamoDbServer]:
    """Run an emulator with an empty lease table, or leave the test out with the reason."""
    server = DynamoDbServer(folder)
    try:
        await server.start()
    except NotToBeHad as error:
        pytest.skip(f"DynamoDB emulator: {error}")
    try:
        async with AsyncExitStack() as stack:
            await create_table(await client_of(server.url, stack), TABLE)
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def lease_table(folder: Path) -> AsyncIterator[Callable[[], LeaseStore]]:
    """Run an emulator, and yield how to make a store on its table."""
    async with dynamodb(folder) as server:
        yield lambda: leases_in(server.url)


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
