"""Shards that are read at the same time stay within one credit together."""

from __future__ import annotations

import asyncio

from gateway.sources.kinesis.credit import SharedCredit
from tests.support.clock import rest
from tests.support.events import delivery
from tests.support.intake import RecordingIntake


async def test_what_is_promised_to_one_shard_is_not_promised_to_another() -> None:
    credit = SharedCredit(RecordingIntake(credit=3))
    async with credit.part(7) as first, credit.part(7) as second, credit.part(7) as third:
        assert (first, second, third) == (1, 1, 1)


async def test_a_shard_that_hangs_leaves_half_to_the_others() -> None:
    credit = SharedCredit(RecordingIntake(credit=1000))
    async with credit.part(1000) as first, credit.part(1000) as second, credit.part(100) as third:
        assert (first, second, third) == (500, 250, 100)


async def test_a_shard_waits_until_another_gives_back_what_it_did_not_use() -> None:
    credit = SharedCredit(RecordingIntake(credit=1))
    got: list[int] = []

    async def wait() -> None:
        async with credit.part(10) as count:
            got.append(count)

    async with asyncio.timeout(5), credit.part(10):
        waiting = asyncio.create_task(wait())
        await rest()
        assert not got
    await waiting
    assert got == [1]


async def test_a_shard_waits_until_the_intake_has_room() -> None:
    intake = RecordingIntake(credit=2)
    credit = SharedCredit(intake)
    intake.push([delivery("1"), delivery("2")])
    got: list[int] = []

    async def wait() -> None:
        async with credit.part(10) as count:
            got.append(count)

    waiting = asyncio.create_task(wait())
    await rest()
    assert not got
    intake.settle()
    async with asyncio.timeout(5):
        await waiting
    assert got == [1]


async def test_a_shard_goes_on_with_what_ended_while_another_one_hangs() -> None:
    intake = RecordingIntake(credit=2)
    credit = SharedCredit(intake)
    got: list[int] = []

    async def wait() -> None:
        async with credit.part(10) as count:
            got.append(count)

    async with asyncio.timeout(5), credit.part(1):
        intake.push([delivery("1")])
        waiting = asyncio.create_task(wait())
        await rest()
        assert not got
        intake.settle()
        credit.grown()
        await waiting
    assert got == [1]


async def test_a_shard_that_stops_waiting_leaves_the_turn_to_the_next() -> None:
    credit = SharedCredit(RecordingIntake(credit=1))
    async with credit.part(5):
        gone = asyncio.create_task(_take(credit))
        await rest()
        gone.cancel()
        await asyncio.wait({gone})
    async with asyncio.timeout(5), credit.part(5) as count:
        assert count == 1


async def _take(credit: SharedCredit) -> None:
    async with credit.part(1):
        await asyncio.Event().wait()
