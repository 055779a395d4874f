"""One shard's reader on its own, where a lease ends at the worst of times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from gateway.sources.kinesis.aws import Account, open_client, open_session
from gateway.sources.kinesis.credit import SharedCredit
from gateway.sources.kinesis.events import Shard, ShardEvents
from gateway.sources.kinesis.reader import ShardReader, Surroundings
from gateway.sources.kinesis.stream import Stream
from tests.fakes.aws_proxy import AwsProxy
from tests.fakes.kinesis_server import REGION, Operator
from tests.support.intake import RecordingIntake
from tests.support.kinesis import FAST, StreamOfTests
from tests.support.kpl import aggregated
from tests.support.load import Load

SHARD = Shard("shardId-000000000000")


@dataclass(slots=True)
class Lone:
    """A reader whose lease the test holds."""

    reader: ShardReader
    intake: RecordingIntake
    task: asyncio.Task[None]
    proxy: AwsProxy
    held: bool = True


@asynccontextmanager
async def lone_reader(stream: StreamOfTests, credit: int = 1000) -> AsyncIterator[Lone]:
    """Read the stream's shard from its beginning."""
    proxy, intake = AwsProxy(stream.server.url), RecordingIntake(credit)
    async with proxy.running(), AsyncExitStack() as stack:
        account = Account(REGION, proxy.url, ("test", "test", ""))
        client = await open_client(await open_session(account), "kinesis", account, stack)
        around = Surroundings(
            "test",
            Stream(client, stream.name, 60),
            lambda shard: ShardEvents("arn", shard),
            lambda _: one.held,
            lambda: None,
            lambda _: None,
            FAST.pace,
        )
        reader = ShardReader(SHARD, "TRIM_HORIZON", around)
        task = asyncio.create_task(reader.run(intake, SharedCredit(intake)))
        one = Lone(reader, intake, task, proxy)
        yield one
        task.cancel()
        await asyncio.wait({task})


async def test_records_that_arrive_after_the_lease_are_not_pushed(
    stream: StreamOfTests, operator: Operator
) -> None:
    async with lone_reader(stream) as one:
        await one.intake.until_polled()
        one.proxy.hold("GetRecords")
        await one.proxy.held.wait()
        await Load(operator, stream.name).publish(1)
        one.held = False
        one.proxy.release()
        async with asyncio.timeout(10):
            await one.task
        assert not one.intake.deliveries
        assert not one.reader.ended


async def test_what_is_settled_after_the_shard_was_given_up_moves_nothing(
    stream: StreamOfTests, operator: Operator
) -> None:
    async with lone_reader(stream) as one:
        await Load(operator, stream.name).publish(1)
        first = (await one.intake.until(20))[0]
        one.intake.settle(count=1)
        assert one.reader.position == f"{first.event.extensions['sequence']}:0"
        one.reader.revoke()
        one.intake.settle()
        assert one.reader.position == f"{first.event.extensions['sequence']}:0"


async def put_large(operator: Operator, stream: str, count: int) -> None:
    for _ in range(count):
        await operator.put(stream, [("k", b"x" * 600_000)])


async def test_large_records_are_asked_for_in_small_numbers(
    stream: StreamOfTests, operator: Operator
) -> None:
    async with lone_reader(stream) as one:
        await put_large(operator, stream.name, 3)
        await one.intake.until(3)
        before = len(one.intake.deliveries)
        one.proxy.hold("GetRecords")
        await one.proxy.held.wait()
        await put_large(operator, stream.name, 5)
        one.proxy.release()
        await one.intake.until(before + 1)
        assert len(one.intake.deliveries) <= before + 3
        await one.intake.until(8)
        one.intake.settle()


async def test_records_with_many_events_pass_the_credit_by_the_rest_of_one(
    stream: StreamOfTests, operator: Operator
) -> None:
    inner = [("k", b"%d" % number) for number in range(7)]
    await operator.put(stream.name, [("k", aggregated(inner)) for _ in range(30)])
    async with lone_reader(stream, credit=20) as one:
        while len(one.intake.deliveries) < 30 * 7:
            await one.intake.until(len(one.intake.deliveries) + 1)
            assert len(one.intake.unsettled) < 20 + 7
            one.intake.settle()
        assert one.reader.idle


async def test_a_failure_after_a_long_wait_for_credit_is_the_first_of_its_kind(
    stream: StreamOfTests, operator: Operator
) -> None:
    await Load(operator, stream.name).publish(1)
    async with lone_reader(stream, credit=2) as one:
        while one.intake.credit:
            await one.intake.until(len(one.intake.deliveries) + 1)
        await asyncio.sleep(FAST.pace.patience)  # longer than failures may last
        one.proxy.refuse("GetRecords", "InternalFailure")
        while len(one.intake.deliveries) < 20:
            before = len(one.intake.deliveries)
            one.intake.settle()
            await one.intake.until(before + 1)
        one.intake.settle()


async def test_a_failure_after_long_throttling_is_the_first_of_its_kind(
    stream: StreamOfTests, operator: Operator
) -> None:
    await Load(operator, stream.name).publish(1)
    loop = asyncio.get_running_loop()
    throttled_until = loop.time() + FAST.pace.patience + 1
    failed: list[float] = []

    def refuse(operation: str, *_: object) -> str | None:
        if operation != "GetRecords" or failed:
            return None
        if loop.time() < throttled_until:
            return "ProvisionedThroughputExceededException"
        failed.append(loop.time())
        return "InternalFailure"

    async with lone_reader(stream) as one:
        one.proxy.accepts = refuse
        await one.intake.until(20)
        assert failed
        one.intake.settle()
