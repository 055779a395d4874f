"""What a trigger and the gateway's settings say about a stream, in the terms of the source."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.context import Context, Secrets
from gateway.core.lease import LeaseStore
from gateway.errors import ConfigError
from gateway.sources.kinesis.aws import Account, keys_from_secret, open_client
from gateway.sources.kinesis.positions import TRIM_HORIZON, at_time
from gateway.sources.kinesis.stream import Summary
from gateway.stores.dynamodb import DynamoDbLeases
from gateway.stores.dynamodb_table import LeaseTable
from gateway.stores.sqlite_leases import SqliteLeases
from tidegate.api.subscription import KinesisStream, Subscription


def account_of(subscription: Subscription, spec: KinesisStream, secrets: Secrets) -> Account:
    """Return who reads: the keys of a Secret of the trigger's own namespace, or the process."""
    if spec.secret is None:
        return Account(spec.region, spec.endpoint)
    name = f"{subscription.namespace}/{spec.secret.name}"
    content = secrets.read(subscription.namespace, spec.secret.name)
    return Account(spec.region, spec.endpoint, keys_from_secret(name, content))


def start_position(spec: KinesisStream, summary: Summary) -> str:
    """Return where a subscription starts that never ran."""
    match spec.start:
        case "TRIM_HORIZON":
            return TRIM_HORIZON
        case "AT_TIMESTAMP":
            assert spec.start_time is not None
            return at_time(datetime.fromisoformat(spec.start_time))
        case "LATEST":
            return at_time(summary.now)


def lease_store(
    spec: KinesisStream, context: Context, session: Any, account: Account
) -> LeaseStore:
    """Return where the leases are: the trigger's own table, or the gateway's place for them."""
    settings = context.settings.kinesis
    if spec.lease_table:
        beside = replace(account, endpoint=settings.dynamodb_endpoint)

        async def connect(stack: AsyncExitStack) -> Any:
            return await open_client(session, "dynamodb", beside, stack)

        table = LeaseTable(spec.lease_table, connect, makes_table=settings.create_lease_tables)
        return DynamoDbLeases(table)
    if context.leases is not None:
        return context.leases
    if settings.lease_file:
        return SqliteLeases(Path(settings.lease_file))
    raise ConfigError(
        "there is no place for the leases; set leaseTable to a DynamoDB table of the region"
    )
