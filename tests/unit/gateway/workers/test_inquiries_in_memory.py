"""What a fleet keeps for those who look on."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from gateway.core.recollection import Question
from gateway.core.tail import MOST_BYTES, MOST_WAITING
from gateway.core.witness import MOST_FEEDS, dropped_row
from gateway.errors import SinkUnavailable
from gateway.workers.inquiries import Inquiries
from gateway.workers.messages import Update


def workers(_: Update) -> tuple[int, ...]:
    """Say that one worker runs."""
    return (0,)


async def test_no_more_look_on_at_a_fleet_than_there_is_room_for() -> None:
    inquiries = Inquiries(workers)
    async with AsyncExitStack() as stack:
        for _ in range(MOST_FEEDS):
            await stack.enter_async_context(inquiries.feed(Question(), payload=False))
        with pytest.raises(SinkUnavailable, match="look on already"):
            async with inquiries.feed(Question(), payload=False):
                pass
    async with inquiries.feed(Question(), payload=False):
        pass


@pytest.mark.parametrize("name", ["data", "dataBase64"])
async def test_payloads_that_nobody_takes_are_bounded_in_bytes(name: str) -> None:
    inquiries = Inquiries(workers)
    async with inquiries.feed(Question(), payload=True) as feed:
        size, count = MOST_BYTES // 8, 20
        inquiries.take(0, {"inquiry": 1, "rows": [{name: "x" * size}] * count})
        lost, *rows = await feed.rows()
        assert (lost, len(rows)) == (dropped_row(count - 8), 8)
        inquiries.take(0, {"inquiry": 1, "rows": [{name: "y"}]})
        assert await feed.rows() == [{name: "y"}]


async def test_rows_that_nobody_takes_are_bounded_in_count() -> None:
    inquiries = Inquiries(workers)
    async with inquiries.feed(Question(), payload=False) as feed:
        inquiries.take(0, {"inquiry": 1, "rows": [{}] * (MOST_WAITING + 3)})
        lost, *rows = await feed.rows()
        assert (lost, len(rows)) == (dropped_row(3), MOST_WAITING)
