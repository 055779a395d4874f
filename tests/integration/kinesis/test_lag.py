"""How late a stream is told to be; alerts, and those who scale, go by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes.aws_proxy import AwsProxy
from tests.support.intake import RecordingIntake
from tests.support.kinesis import FAST, SettlingIntake, StreamOfTests, reading
from tests.support.load import Load
from tests.support.waiting import until

ATTENTIVE = replace(FAST, pace=replace(FAST.pace, quiet=0.5))


async def until_late(intake: RecordingIntake, seconds: float) -> None:
    await until(lambda: intake.age is not None and intake.age >= seconds, timeout=30)


async def until_in_time(intake: RecordingIntake) -> None:
    await until(lambda: intake.age == 0, timeout=30)


async def test_a_stream_is_as_late_as_its_shard_is_behind(
    proxied: StreamOfTests, proxy: AwsProxy
) -> None:
    def edit(answer: dict[str, Any]) -> None:
        answer["MillisBehindLatest"] = 90_000

    proxy.edits["GetRecords"] = edit
    async with reading(proxied.source()) as one:
        await until_late(one.intake, 90)
        del proxy.edits["GetRecords"]
        await until_in_time(one.intake)


async def test_a_stream_is_ever_later_while_a_record_does_not_end(
    stream: StreamOfTests, load: Load
) -> None:
    intake = RecordingIntake(credit=20)
    await load.publish(1)
    async with reading(stream.source(), intake):
        await intake.until(20)
        await until_late(intake, 2)
        intake.settle()
        await until_in_time(intake)


async def test_a_stream_is_ever_later_while_its_shard_gives_no_answer(
    proxied: StreamOfTests, proxy: AwsProxy
) -> None:
    def refuse(operation: str, *_: object) -> str | None:
        return "ProvisionedThroughputExceededException" if operation == "GetRecords" else None

    async with reading(proxied.source(timing=ATTENTIVE), SettlingIntake()) as one:
        await until_in_time(one.intake)
        proxy.accepts = refuse
        await until_late(one.intake, 2)
        proxy.accepts = lambda *_: None
        await until_in_time(one.intake)
