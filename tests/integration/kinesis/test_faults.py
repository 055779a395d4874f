"""What AWS does to those who read a stream, done by a server between us and the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.delivery import Outcome
from gateway.core.lease import END, Lease
from gateway.errors import ConfigError, SourceUnavailable
from gateway.sources.kinesis.aws import Account, open_client, open_session
from gateway.sources.kinesis.stream import Stream
from gateway.stores.memory_leases import MemoryLeases
from gateway.stores.sqlite_leases import SqliteLeases
from tests.conformance.harness import Reading
from tests.fakes.aws_proxy import AwsProxy
from tests.fakes.kinesis_server import REGION, Operator
from tests.support.intake import RecordingIntake
from tests.support.kinesis import FAST, CutOff, SettlingIntake, StreamOfTests, reading
from tests.support.kpl import aggregated
from tests.support.load import Load, assert_in_order
from tests.support.waiting import until

PATIENT = replace(FAST.pace, patience=60)
"""For a machine on which calls may run out of time by themselves."""


async def failed(one: Reading) -> None:
    """Wait for the failure of a source, and raise it here instead of at its end."""
    async with asyncio.timeout(50):
        await asyncio.wait({one.task})
    task, one.task = one.task, asyncio.create_task(asyncio.sleep(0))
    task.result()


async def test_throttling_is_waited_out(
    proxied: StreamOfTests, proxy: AwsProxy, load: Load
) -> None:
    intake = SettlingIntake()
    async with reading(proxied.source(), intake) as one:
        await load.publish(1)
        await intake.until(20)
        proxy.refuse("GetRecords", "ProvisionedThroughputExceededException", times=12)
        await load.publish(2)
        await intake.until(60)
        assert not one.task.done()
    assert_in_order(intake.deliveries)
    assert len(intake.deliveries) == 60


async def test_throttled_calls_come_ever_more_rarely(
    proxied: StreamOfTests, proxy: AwsProxy, load: Load
) -> None:
    slow = replace(FAST, pace=replace(FAST.pace, backoff=0.2, backoff_max=5))
    intake = SettlingIntake()
    async with reading(proxied.source(timing=slow), intake):
        await intake.until_polled()
        proxy.refuse("GetRecords", "ProvisionedThroughputExceededException", times=1000)
        await asyncio.sleep(0.2)
        before = proxy.calls["GetRecords"]
        await asyncio.sleep(1.5)  # the pace is what is measured
        assert proxy.calls["GetRecords"] - before <= 6


@pytest.mark.regression(
    "Telegraf: an expired iterator is replaced from the checkpoint and records come twice"
)
@pytest.mark.parametrize("settled", [True, False])
async def test_an_expired_iterator_goes_on_after_the_last_record_read(
    proxied: StreamOfTests, proxy: AwsProxy, load: Load, settled: bool
) -> None:
    intake = SettlingIntake()
    intake.settling = settled
    async with reading(proxied.source(), intake):
        await load.publish(2)
        await intake.until(40)
        proxy.refuse("GetRecords", "ExpiredIteratorException")
        await load.publish(2)
        await intake.until(80)
        intake.settle()
    assert_in_order(intake.deliveries)
    assert len(intake.deliveries) == 80


@pytest.mark.regression("Kubeless: an idle iterator expires and is opened again at LATEST")
async def test_an_iterator_that_expires_before_its_first_record_starts_where_it_was(
    proxied: StreamOfTests, proxy: AwsProxy, load: Load
) -> None:
    await load.publish(1)
    proxy.refuse("GetRecords", "ExpiredIteratorException", times=2)
    intake = SettlingIntake()
    async with reading(proxied.source(), intake):
        await intake.until(20)
    assert len(intake.deliveries) == 20


@pytest.mark.regression(
    "aiobotocore: a call that hangs is not ended and tried again as the settings say"
)
async def test_a_call_that_is_never_answered_ends_at_its_deadline(
    proxied: StreamOfTests, proxy: AwsProxy, load: Load
) -> None:
    intake = SettlingIntake()
    async with reading(proxied.source(timing=replace(FAST, call=2, pace=PATIENT)), intake):
        await load.publish(1)
        await intake.until(20)
        proxy.hold("GetRecords")
        async with asyncio.timeout(30):
            await proxy.held.wait()
        await load.publish(1)
        await until(lambda: proxy.calls["GetRecords"] > 3, timeout=30)
        proxy.release()
        await intake.until(40)
    assert len(intake.deliveries) == 40


@pytest.mark.regression("Nuclio: errors of a Kinesis shard are ignored")
async def test_a_shard_that_cannot_be_read_for_long_is_a_failure_to_report(
    proxied: StreamOfTests, proxy: AwsProxy
) -> None:
    async with reading(proxied.source(), SettlingIntake()) as one:
        await one.intake.until_polled()
        proxy.refuse("GetRecords", "InternalFailure", times=10_000)
        with pytest.raises(SourceUnavailable, match="reading stream orders: InternalFailure"):
            await failed(one)


async def test_a_lease_store_that_stays_away_is_a_failure_to_report(
    stream: StreamOfTests, load: Load
) -> None:
    cut = CutOff(SqliteLeases(stream.file))
    await load.publish(1)
    async with reading(stream.source(cut, replace(FAST, period=1)), SettlingIntake()) as one:
        await one.intake.until(20)
        cut.cut = True
        with pytest.raises(SourceUnavailable, match="writing the leases"):
            await failed(one)


@pytest.mark.parametrize(
    ("operation", "code", "sentence"),
    [
        ("DescribeStreamSummary", "ResourceNotFoundException", "correct its name or make it"),
        ("DescribeStreamSummary", "AccessDeniedException", "allow DescribeStreamSummary"),
        ("ListShards", "UnrecognizedClientException", "correct the keys"),
        ("GetShardIterator", "AccessDeniedException", "GetShardIterator"),
        ("GetRecords", "ExpiredTokenException", "correct the keys"),
    ],
)
async def test_what_only_the_user_can_mend_is_said_in_a_sentence(
    proxied: StreamOfTests, proxy: AwsProxy, operation: str, code: str, sentence: str
) -> None:
    proxy.refuse(operation, code, times=10)
    source = proxied.source()
    with pytest.raises(ConfigError, match=sentence) as caught:
        async with asyncio.timeout(50):
            await source.run(RecordingIntake())
    await source.close()
    assert str(caught.value).startswith("KinesisTrigger default/contract: ")


async def test_a_shard_that_is_not_there_is_named(stream: StreamOfTests) -> None:
    source = stream.source(shard="shardId-000000000099")
    with pytest.raises(ConfigError, match="no shard shardId-000000000099; it has shardId-"):
        await source.run(RecordingIntake())
    await source.close()


async def test_only_the_shard_that_the_trigger_names_is_read(
    stream: StreamOfTests, operator: Operator
) -> None:
    await operator.create("two", 2)
    load, intake = Load(operator, "two"), SettlingIntake()
    await load.publish(2)
    one = replace(stream, name="two")
    async with reading(one.source(shard="shardId-000000000001"), intake):
        await until(lambda: intake.deliveries and intake.polls > 10, timeout=10)
    assert {one.partition for one in intake.deliveries} == {"shardId-000000000001"}
    assert len(intake.deliveries) < load.count


@pytest.mark.regression("TriggerMesh: reads Kinesis from LATEST at every start")
async def test_nothing_is_lost_between_latest_and_the_first_lease(
    stream: StreamOfTests, load: Load
) -> None:
    await load.publish(1)
    await asyncio.sleep(1.1)  # LATEST is pinned in whole seconds
    leases = MemoryLeases()
    async with reading(stream.source(leases, start="LATEST"), RecordingIntake()) as idle:
        await idle.intake.until_polled()
        idle.task.cancel()
    await load.publish(1)
    intake = SettlingIntake()
    async with reading(stream.source(leases, start="LATEST"), intake):
        await intake.until(20)
    assert {one.event.data for one in intake.deliveries} == {b"1"}


@pytest.mark.regression("Dapr: shards that come later are not read")
async def test_a_shard_found_after_a_restart_is_read_from_its_first_record(
    stream: StreamOfTests, operator: Operator, load: Load
) -> None:
    leases = MemoryLeases()
    async with reading(stream.source(leases, start="LATEST"), RecordingIntake()) as idle:
        await idle.intake.until_polled()
    await operator.split(stream.name)
    await load.publish(1)
    await asyncio.sleep(1.1)  # a start of now would be behind the records
    intake = SettlingIntake()
    async with reading(stream.source(leases, start="LATEST"), intake):
        await intake.until(20)


async def test_a_half_settled_aggregate_goes_on_in_its_middle(
    stream: StreamOfTests, operator: Operator
) -> None:
    parts = [(f"key{number}", b"%d" % number) for number in range(5)]
    await operator.put(stream.name, [("key0", aggregated(parts)), ("key9", b"9")])
    first = RecordingIntake()
    async with reading(stream.source(), first):
        await first.until(6)
        first.settle(count=3)
    second = SettlingIntake()
    async with reading(stream.source(), second):
        await second.until(3)
    assert [one.event.data for one in second.deliveries] == [b"3", b"4", b"9"]
    assert {one.event.id for one in second.deliveries} <= {one.event.id for one in first.deliveries}


@pytest.mark.regression("botocore: its paginator of ListShards sends the token and the name")
async def test_shards_are_listed_to_the_last_page(
    stream: StreamOfTests, proxy: AwsProxy, operator: Operator
) -> None:
    await operator.create("many", 7)
    proxy.changes["ListShards"] = {"MaxResults": 2}
    proxy.accepts = lambda _, request, __: (
        "InvalidArgumentException" if {"NextToken", "StreamName"} <= request.keys() else None
    )
    account = Account(REGION, proxy.url, ("test", "test", ""))
    async with AsyncExitStack() as stack:
        client = await open_client(await open_session(account), "kinesis", account, stack)
        shards = await Stream(client, "many", 5).shards()
    assert [one.id[-1] for one in shards] == list("0123456")
    assert proxy.calls["ListShards"] == 4


class LeasesOfOneGroup(MemoryLeases):
    """Leases that know which group was last made."""

    group = ""

    def keys(self, group: str) -> list[str]:
        """Return which leases there are."""
        return list(self._groups[group])

    async def create(self, group: str, leases: Sequence[Lease]) -> None:
        self.group = group
        await super().create(group, leases)


OLD = [f"shardId-00000000007{number}" for number in range(3)]
"""Each is the parent of the next, and the last is that of the stream's shard."""


@pytest.fixture
def descended(proxy: AwsProxy) -> None:
    """Give the stream's shard a parent that is no longer listed."""

    def edit(answer: dict[str, Any]) -> None:
        answer["Shards"][0]["ParentShardId"] = OLD[-1]

    proxy.edits["ListShards"] = edit


async def group_of(stream: StreamOfTests, leases: LeasesOfOneGroup) -> str:
    """Find out what the leases of a stream are called."""
    async with reading(stream.source(leases), SettlingIntake()) as one:
        await one.intake.until_polled()
    return leases.group


def generations(positions: Sequence[str]) -> list[Lease]:
    parents = [(), *((key,) for key in OLD)]
    return [Lease(*one) for one in zip(OLD, positions, parents, strict=False)]


@pytest.mark.usefixtures("descended")
async def test_the_leases_of_shards_long_gone_are_dropped(proxied: StreamOfTests) -> None:
    leases = LeasesOfOneGroup()
    group = await group_of(proxied, leases)
    await leases.create(group, generations([END, END, END]))
    async with reading(proxied.source(leases), SettlingIntake()):
        await until(lambda: list(leases.keys(group)) == ["shardId-000000000000"], timeout=30)


@pytest.mark.usefixtures("descended")
async def test_a_shard_that_went_unread_is_said_to_be_lost_and_its_children_are_read(
    proxied: StreamOfTests, proxy: AwsProxy, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    leases = LeasesOfOneGroup()
    group = await group_of(proxied, leases)
    await leases.create(group, generations([END, END, "49000000000000000000000000000000000000:0"]))
    await load.publish(1)
    before, intake = proxy.calls["ListShards"], SettlingIntake()
    async with reading(proxied.source(leases), intake):
        await intake.until(20)
    assert f"{OLD[-1]} is no longer kept by the stream; what was not read" in caplog.text
    assert proxy.calls["ListShards"] - before < 20


@pytest.mark.regression("Dapr: checkpoints though the handler failed")
async def test_a_stuck_record_does_not_move_the_lease(stream: StreamOfTests, load: Load) -> None:
    intake = RecordingIntake()
    await load.publish(2)
    async with reading(stream.source(), intake):
        stuck = (await intake.until(40))[0]
        for one in intake.deliveries[1:]:
            one.settle(Outcome.DELIVERED)
        await asyncio.sleep(3 * FAST.renew)  # leases are written meanwhile
    again = SettlingIntake()
    async with reading(stream.source(), again):
        await load.publish(1)
        await again.until(21)
    assert again.deliveries[0].event.id == stuck.event.id
    assert len(again.deliveries) == 21  # what had ended beyond it is not repeated
