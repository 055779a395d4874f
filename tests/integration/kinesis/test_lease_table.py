"""The DynamoDB table of leases: how it comes to be, what is read of it, and what it refuses."""

from __future__ import annotations

import asyncio
import shlex
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.lease import Lease, LeaseStore, taken
from gateway.errors import ConfigError, SourceUnavailable
from gateway.settings import KinesisSettings, Settings
from tests.fakes.aws_proxy import AwsProxy
from tests.fakes.dynamodb_server import DynamoDbServer
from tests.fakes.function_server import function_server
from tests.fakes.kinesis_server import Operator
from tests.support.dynamodb import client_of, create_table, leases_in
from tests.support.gateways import running_gateway
from tests.support.kinesis import SECRETS, StreamOfTests
from tests.support.kinesis_gateway import at, delivered, refusal, trigger
from tests.support.load import Load

THROTTLED = "ProvisionedThroughputExceededException"


@pytest.fixture
async def proxy(tables: DynamoDbServer) -> AsyncIterator[AwsProxy]:
    one = AwsProxy(tables.url)
    async with one.running():
        yield one


@pytest.fixture
async def client(tables: DynamoDbServer) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        yield await client_of(tables.url, stack)


@pytest.fixture
def absent() -> str:
    """The name of a table that is not there."""
    return f"leases-{uuid.uuid4().hex}"


@pytest.fixture
async def table(client: Any, absent: str) -> str:
    """The name of a table that is there."""
    await create_table(client, absent)
    return absent


@pytest.fixture
async def store(proxy: AwsProxy, table: str) -> AsyncIterator[LeaseStore]:
    one = leases_in(proxy.url, table)
    yield one
    await one.close()


def shards(count: int) -> list[Lease]:
    return [Lease(f"shardId-{number:012}", "TRIM_HORIZON") for number in range(count)]


def settings(url: str, *, makes_table: bool = True) -> Settings:
    return Settings(kinesis=KinesisSettings(dynamodb_endpoint=url, create_lease_tables=makes_table))


async def test_a_table_that_is_not_there_is_made_and_used(
    stream: StreamOfTests, operator: Operator, tables: DynamoDbServer, absent: str, client: Any
) -> None:
    spec = stream.spec(lease_table=absent)
    async with (
        function_server() as server,
        running_gateway([trigger(spec)], at(server), settings(tables.url), SECRETS) as running,
    ):
        await Load(operator, stream.name).publish(1)
        await delivered(running, 20)
    made = (await client.describe_table(TableName=absent))["Table"]
    assert made["KeySchema"] == [{"AttributeName": "leaseKey", "KeyType": "HASH"}]
    assert made["AttributeDefinitions"] == [{"AttributeName": "leaseKey", "AttributeType": "S"}]
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


async def test_where_no_table_may_be_made_the_trigger_is_refused_with_the_command_that_makes_it(
    stream: StreamOfTests, proxy: AwsProxy, absent: str
) -> None:
    spec = stream.spec(lease_table=absent)
    reason = await refusal(spec, settings(proxy.url, makes_table=False), SECRETS)
    assert f"DynamoDB table {absent}: there is no such table; correct leaseTable, or" in reason
    assert not proxy.calls["CreateTable"]
    _, _, command = reason.partition("aws dynamodb ")
    verb, *options = shlex.split(command)
    assert verb == "create-table"
    assert dict(zip(options[::2], options[1::2], strict=True)) == {
        "--region": "eu-west-1",
        "--table-name": absent,
        "--attribute-definitions": "AttributeName=leaseKey,AttributeType=S",
        "--key-schema": "AttributeName=leaseKey,KeyType=HASH",
        "--billing-mode": "PAY_PER_REQUEST",
    }


async def test_an_identity_that_may_not_make_the_table_is_told_both_ways(
    stream: StreamOfTests, proxy: AwsProxy, absent: str
) -> None:
    proxy.refuse("CreateTable", "AccessDeniedException", times=100)
    reason = await refusal(stream.spec(lease_table=absent), settings(proxy.url), SECRETS)
    assert "allow CreateTable and DescribeTable on it, or: there is no such table" in reason
    assert f"--table-name {absent}" in reason


async def test_a_table_that_is_there_needs_no_right_to_look_at_it_or_to_make_it(
    store: LeaseStore, proxy: AwsProxy
) -> None:
    rows = shards(2)
    await store.create("g", rows)
    (held,) = [taken(rows[0], "me")]
    assert await store.replace("g", [(rows[0], held)]) == [True]
    await store.leases("g", [row.key for row in rows])
    await store.delete("g", held)
    assert set(proxy.calls) == {"PutItem", "UpdateItem", "BatchGetItem", "DeleteItem"}


async def test_replicas_that_start_at_once_make_one_table(proxy: AwsProxy, absent: str) -> None:
    stores = [leases_in(proxy.url, absent) for _ in range(3)]
    async with asyncio.TaskGroup() as start:
        for one in stores:
            start.create_task(one.create("g", shards(2)))
    assert len(await stores[0].leases("g", [row.key for row in shards(2)])) == 2
    for one in stores:
        await one.close()


async def test_a_new_table_is_waited_for(proxy: AwsProxy, absent: str) -> None:
    said = iter(("CREATING", "CREATING"))

    def edit(answer: dict[str, Any]) -> None:
        answer["Table"]["TableStatus"] = next(said, "ACTIVE")

    proxy.edits["DescribeTable"] = edit
    store = leases_in(proxy.url, absent)
    await store.create("g", shards(1))
    assert proxy.calls["DescribeTable"] == 3
    await store.close()


async def test_leases_are_read_by_their_names_a_hundred_at_a_time(
    store: LeaseStore, proxy: AwsProxy
) -> None:
    rows = shards(102)
    await store.create("g", rows)
    await store.create("other", rows[:3])
    found = await store.leases("g", [*(row.key for row in rows), "not there"])
    assert sorted(found, key=lambda row: row.key) == rows
    assert (proxy.calls["BatchGetItem"], proxy.calls["Scan"]) == (2, 0)


async def test_what_was_left_out_of_an_answer_is_asked_for_again(
    store: LeaseStore, proxy: AwsProxy, table: str
) -> None:
    await store.create("g", shards(5))
    proxy.edits["BatchGetItem"] = lambda answer: leave_out(answer, table, keep=2)
    found = await store.leases("g", [row.key for row in shards(5)])
    assert sorted(found, key=lambda row: row.key) == shards(5)
    assert proxy.calls["BatchGetItem"] == 3


async def test_what_is_left_out_again_and_again_is_a_failure_and_not_a_loop(
    store: LeaseStore, proxy: AwsProxy, table: str
) -> None:
    await store.create("g", shards(5))
    proxy.edits["BatchGetItem"] = lambda answer: leave_out(answer, table, keep=0)
    with pytest.raises(SourceUnavailable, match=f"DynamoDB table {table}: throttled"):
        await store.leases("g", [row.key for row in shards(5)])
    assert proxy.calls["BatchGetItem"] == 5


def leave_out(answer: dict[str, Any], table: str, keep: int) -> None:
    """Make an answer that has `keep` leases, as a throttled table does."""
    items = answer["Responses"][table]
    late = [{"leaseKey": one["leaseKey"]} for one in items[keep:]]
    answer["Responses"][table] = items[:keep]
    if late:
        answer["UnprocessedKeys"] = {table: {"Keys": late, "ConsistentRead": True}}


async def test_a_throttled_lease_does_not_stop_the_others(
    store: LeaseStore, proxy: AwsProxy
) -> None:
    rows = shards(3)
    await store.create("g", rows)
    proxy.accepts = lambda _, request, __: (
        THROTTLED if request.get("Key") == {"leaseKey": {"S": f"g#{rows[1].key}"}} else None
    )
    changes = [(row, taken(row, "me")) for row in rows]
    assert await store.replace("g", changes) == [True, None, True]
    assert proxy.calls["UpdateItem"] == 5


async def test_a_table_that_throttles_every_write_is_a_failure(
    store: LeaseStore, proxy: AwsProxy
) -> None:
    (row,) = shards(1)
    await store.create("g", [row])
    proxy.refuse("UpdateItem", THROTTLED, times=100)
    with pytest.raises(SourceUnavailable, match=rf"throttled \({THROTTLED}\)"):
        await store.replace("g", [(row, taken(row, "me"))])
    assert proxy.calls["UpdateItem"] == 3


async def test_a_table_with_another_key_is_refused(proxy: AwsProxy, client: Any) -> None:
    name = f"leases-{uuid.uuid4().hex}"
    await create_table(client, name, key="id")
    store = leases_in(proxy.url, name)
    with pytest.raises(ConfigError, match="not the string hash key leaseKey alone; name another"):
        await store.create("g", shards(1))
    await store.close()


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException"])
async def test_an_identity_that_may_not_write_is_told_what_to_allow(
    store: LeaseStore, proxy: AwsProxy, code: str
) -> None:
    proxy.refuse("PutItem", code)
    sentence = f"{code}; allow BatchGetItem, PutItem, UpdateItem and DeleteItem on it"
    with pytest.raises(ConfigError, match=sentence):
        await store.create("g", shards(1))


async def test_children_are_never_there_without_their_parents(
    store: LeaseStore, proxy: AwsProxy
) -> None:
    old, young = shards(2)
    child = replace(young, parents=(old.key,))
    proxy.hold("PutItem")
    making = asyncio.create_task(store.create("g", [child, old]))
    async with asyncio.timeout(20):
        await proxy.held.wait()
    await asyncio.sleep(0.5)  # room to go wrong
    assert proxy.calls["PutItem"] == 1
    proxy.release()
    await making
    assert proxy.calls["PutItem"] == 2
