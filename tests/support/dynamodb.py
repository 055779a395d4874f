"""A DynamoDB table for leases, and stores that reach it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.lease import LeaseStore
from gateway.sources.kinesis.aws import Account, open_client, open_session
from gateway.stores.dynamodb import DynamoDbLeases
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
            await _create_table(await _client(server, stack))
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def lease_table(folder: Path) -> AsyncIterator[Callable[[], LeaseStore]]:
    """Run an emulator, and yield how to make a store on its table."""
    async with dynamodb(folder) as server:
        yield lambda: DynamoDbLeases(TABLE, lambda stack: _client(server, stack))


async def _client(server: DynamoDbServer, stack: AsyncExitStack) -> Any:
    account = Account(REGION, server.url, ("test", "test", ""))
    return await open_client(await open_session(account), "dynamodb", account, stack)


async def _create_table(client: Any) -> None:
    await client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
