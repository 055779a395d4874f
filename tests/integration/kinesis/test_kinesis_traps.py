"""Traps of AWS and its clients, and of those who read Kinesis with them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.delivery import Outcome
from gateway.core.lease import Lease, stolen
from gateway.sources.kinesis.aws import Account, open_client, open_session
from gateway.stores.memory_leases import MemoryLeases
from tests.fakes.aws_proxy import AwsProxy
from tests.fakes.kinesis_server import REGION, Operator
from tests.support.intake import RecordingIntake
from tests.support.kinesis import FAST, SettlingIntake, StreamOfTests, reading
from tests.support.load import Load, assert_in_order
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]


@pytest.mark.regression("aiobotocore: a client has ten connections, and the eleventh shard stalls")
async def test_every_shard_has_a_call_under_way(
    proxied: StreamOfTests, proxy: AwsProxy, operator: Operator
) -> None:
    await operator.create("wide", 12)
    proxy.hold("GetRecords")
    intake = SettlingIntake(credit=100_000)
    async with reading(replace(proxied, name="wide").source(), intake):
        await until(lambda: proxy.calls["GetRecords"] == 12, timeout=40)
        proxy.release()


@pytest.mark.regression("async-kinesis: the failure of one shard makes all others hang")
async def test_a_shard_that_cannot_be_read_stops_no_other(
    proxied: StreamOfTests, proxy: AwsProxy, operator: Operator
) -> None:
    await operator.create("two", 2)
    stuck = "shardId-000000000000"
    proxy.accepts = lambda operation, request, _: (
        "InternalFailure"
        if operation == "GetShardIterator" and request["ShardId"] == stuck
        else None
    )
    patient = replace(FAST, pace=replace(FAST.pace, patience=60))
    load, intake = Load(operator, "two"), SettlingIntake()
    async with reading(replace(proxied, name="two").source(timing=patient), intake):
        await load.publish(2)
        await until(lambda: intake.deliveries, timeout=40)
        assert {one.partition for one in intake.deliveries} == {"shardId-000000000001"}
        proxy.accepts = lambda *_: None
        await intake.until(load.count)
    assert_in_order(intake.deliveries)


@pytest.mark.regression("async-kinesis: the failure of one shard makes all others hang")
async def test_a_shard_whose_call_hangs_stops_no_other(
    proxied: StreamOfTests, proxy: AwsProxy, operator: Operator
) -> None:
    await operator.create("two", 2)
    await Load(operator, "two").publish(3)
    proxy.hold("GetRecords", calls=1)
    intake, waits = RecordingIntake(credit=8), replace(FAST, call=60)
    async with reading(replace(proxied, name="two").source(timing=waits), intake):
        await intake.until(4)  # all that the call that hangs has left
        while len(intake.deliveries) < 12:
            before = len(intake.deliveries)
            intake.settle()
            await intake.until(before + 1)
        assert len({one.partition for one in intake.deliveries}) == 1
        proxy.release()


@pytest.mark.regression("async-kinesis: a shard without a next iterator ends the reader")
@pytest.mark.parametrize("said", ["absent", "null"])
async def test_the_end_of_a_shard_is_an_iterator_that_is_absent_or_null(
    proxied: StreamOfTests, proxy: AwsProxy, operator: Operator, load: Load, said: str
) -> None:
    def edit(answer: dict[str, Any]) -> None:
        if not answer.get("NextShardIterator"):
            answer.pop("NextShardIterator", None)
            answer |= {"NextShardIterator": None} if said == "null" else {}

    proxy.edits["GetRecords"] = edit
    intake = SettlingIntake()
    async with reading(proxied.source(), intake):
        await load.publish(1)
        await intake.until(20)
        await operator.split("orders")
        await load.publish(1)
        await intake.until(40)
    assert_in_order(intake.deliveries)


class TakenAway(MemoryLeases):
    """Leases that a test can take away from whoever has them."""

    def take(self, shard: str) -> Lease:
        """Give the lease of `shard` to somebody who has waited long enough."""
        for rows in self._groups.values():
            if shard in rows:
                rows[shard] = replace(stolen(rows[shard], "somebody else"), former="")
                return rows[shard]
        raise KeyError(shard)

    def stored(self, shard: str) -> Lease:
        """Return the lease of `shard`."""
        return next(rows[shard] for rows in self._groups.values() if shard in rows)


@pytest.mark.regression("Kinesis Client Library: a checkpoint is written after the lease was lost")
async def test_who_lost_a_lease_writes_no_position_gives_back_and_goes_on_with_the_rest(
    stream: StreamOfTests, operator: Operator
) -> None:
    await operator.create("two", 2)
    leases, load, intake = TakenAway(), Load(operator, "two"), RecordingIntake()
    lost, kept = "shardId-000000000000", "shardId-000000000001"
    async with reading(replace(stream, name="two").source(leases), intake) as one:
        await load.publish(1)
        await intake.until(20)
        mine = [one for one in intake.deliveries if one.partition == lost]
        theirs = leases.take(lost)
        await until(lambda: mine[-1].outcome is Outcome.RELEASED, timeout=30)
        intake.settle()
        assert leases.stored(lost).position == theirs.position == "TRIM_HORIZON"
        await until(lambda: leases.stored(kept).position != "TRIM_HORIZON", timeout=30)
        assert not one.task.done()


@pytest.mark.regression("aiobotocore: making a client reads files on the event loop")
async def test_a_client_is_made_without_a_file_read_on_the_loop() -> None:
    account = Account(REGION, "http://127.0.0.1:9", ("test", "test", ""))
    session = await open_session(account)
    async with AsyncExitStack() as stack:
        for service in ("kinesis", "dynamodb"):
            assert await open_client(session, service, account, stack)


@pytest.mark.regression("AWS: an idle connection is closed under its client")
async def test_connections_that_were_closed_while_idle_cost_nothing(
    stream: StreamOfTests, load: Load
) -> None:
    proxy = AwsProxy(stream.server.url)
    proxy.idle_timeout = 0.05
    rare = replace(FAST, pace=replace(FAST.pace, busy=0.3, idle=0.3))
    intake = SettlingIntake()
    async with proxy.running():
        source = replace(stream, endpoint=proxy.url).source(timing=rare)
        async with reading(source, intake) as one:
            for count in (20, 40, 60):
                await load.publish(1)
                await intake.until(count)
            assert not one.task.done()
    assert len(intake.deliveries) == 60


@pytest.mark.regression("aiobotocore: boto3 beside it takes botocore out of its window")
def test_boto3_is_nowhere_beside_our_client() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        names = {line.partition("==")[0] for line in file.read_text().splitlines()}
        assert "boto3" not in names
        assert ("aiobotocore" in names) == ("botocore" in names)
