"""The credit of dispatchers that share a budget: it always comes back, to everyone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.allowance import Allowance
from gateway.core.budget import Budget

pytestmark = pytest.mark.looptime


def allowance(budget: Budget | None = None, events: int = 8, size: int = 800) -> Allowance:
    return Allowance(events, size, budget or Budget(10_000))


@asynccontextmanager
async def waiting(one: Allowance) -> AsyncIterator[asyncio.Task[None]]:
    """A source that waits for room; it must have got some when the block ends."""
    task = asyncio.create_task(one.room())
    await asyncio.sleep(0)
    assert not task.done()
    yield task
    async with asyncio.timeout(1):
        await task


def take(one: Allowance, count: int, size: int = 100) -> None:
    for _ in range(count):
        one.take(size)


def give_back(one: Allowance, count: int, size: int = 100) -> None:
    for _ in range(count):
        one.give_back(size)


def test_credit_is_what_may_still_be_pushed() -> None:
    one = allowance()
    assert one.credit == 8
    take(one, 3, size=1)
    assert one.credit == 5
    take(one, 7, size=1)
    assert one.credit == 0


def test_what_has_ended_keeps_its_place_until_it_is_written() -> None:
    one = allowance()
    take(one, 3)
    assert not one.owe(3)
    give_back(one, 3)
    assert one.credit == 5
    assert one.owe(1)
    one.owe(-4)
    assert one.credit == 8


async def test_room_comes_when_what_has_ended_is_written() -> None:
    one = allowance()
    one.owe(8)
    async with waiting(one):
        one.owe(-1)


def test_what_has_ended_keeps_its_place_also_when_the_budget_is_spent() -> None:
    budget = Budget(100)
    first, second = allowance(budget), allowance(budget)
    take(first, 1)
    assert second.credit == 1
    second.owe(8)
    assert second.credit == 0


def test_bytes_and_the_budget_take_all_credit_away() -> None:
    budget = Budget(1000)
    first, second = allowance(budget), allowance(budget)
    take(first, 1, size=800)
    assert (first.credit, second.credit) == (0, 8)
    take(second, 1, size=200)
    assert second.credit == 0
    give_back(second, 1, size=200)
    assert (first.credit, second.credit) == (0, 8)


async def test_room_is_there_at_once_when_nothing_is_held() -> None:
    async with asyncio.timeout(1):
        await allowance().room()


async def test_a_full_source_goes_on_when_an_eighth_of_the_events_is_free() -> None:
    one = allowance()
    take(one, 8, size=1)
    async with waiting(one):
        give_back(one, 1, size=1)


async def test_a_full_source_goes_on_when_an_eighth_of_the_bytes_is_free() -> None:
    one = allowance()
    take(one, 2, size=400)
    async with waiting(one) as task:
        one.give_back(50)
        await asyncio.sleep(0)
        assert not task.done()
        one.give_back(50)


@pytest.mark.parametrize(("events", "size", "some"), [(192, 6400, 3), (8, 6400, 1), (6400, 640, 2)])
async def test_in_a_spent_budget_some_may_still_be_held(events: int, size: int, some: int) -> None:
    """A 64th of the events or of the bytes, whichever is reached first."""
    budget = Budget(800)
    holder, one = allowance(budget), allowance(budget, events, size)
    take(holder, 8)
    for _ in range(some):
        async with asyncio.timeout(1):
            await one.room()
        assert one.credit > 0
        take(one, 1, size=5)
    assert one.credit == 0
    async with waiting(one):
        give_back(one, 1, size=5)


async def test_a_spent_budget_wakes_its_waiters_when_an_eighth_is_free() -> None:
    budget = Budget(800)
    holder, other = allowance(budget), allowance(budget)
    take(holder, 7)
    take(other, 1)
    async with waiting(other):
        give_back(holder, 1)


async def test_a_budget_wakes_all_who_wait_for_it() -> None:
    budget = Budget(800)
    holder, second, third = (allowance(budget) for _ in range(3))
    for one in (holder, second, third):
        take(one, 3)
    async with waiting(second), waiting(third):
        give_back(holder, 3)


async def test_a_budget_spent_during_the_wait_does_not_leave_the_source_asleep() -> None:
    budget = Budget(1600)
    one, other = allowance(budget), allowance(budget, events=100, size=10_000)
    take(one, 8)
    async with waiting(one) as task:
        take(other, 16)
        give_back(one, 7)
        await asyncio.sleep(0)
        assert not task.done()
        give_back(other, 16)


async def test_all_who_wait_on_one_allowance_are_woken() -> None:
    one = allowance()
    take(one, 8)
    async with waiting(one), waiting(one):
        give_back(one, 8)


async def test_waits_that_are_given_up_leave_nothing_behind() -> None:
    budget = Budget(100)
    one = allowance(budget)
    take(one, 1)
    for _ in range(50):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await one.room()
    assert budget.waiting == 1
    give_back(one, 1)
    assert budget.waiting == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 300)), max_size=60))
async def test_nobody_sleeps_while_there_is_room(steps: list[tuple[int, bool, int]]) -> None:
    """Three sources take and give back at random; each of them waits whenever it can."""
    budget = Budget(1000)
    all_three = [allowance(budget) for _ in range(3)]
    held: list[list[int]] = [[], [], []]
    waits = [asyncio.create_task(one.room()) for one in all_three]
    for who, taking, size in steps:
        if taking:
            all_three[who].take(size)
            held[who].append(size)
        elif held[who]:
            all_three[who].give_back(held[who].pop())
        await asyncio.sleep(0)
        for at, task in enumerate(waits):
            if task.done():
                waits[at] = asyncio.create_task(all_three[at].room())
    await asyncio.sleep(0)
    for one, sizes in zip(all_three, held, strict=True):
        while sizes:
            one.give_back(sizes.pop())
    async with asyncio.timeout(1):
        for task in waits:
            await task
    assert budget.used == 0
