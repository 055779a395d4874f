"""Connections that many use: opened once, closed with the last user."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.shared import Shared

pytestmark = pytest.mark.looptime


class Opened:
    """Counts what it opened and closed."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed: list[int] = []
        self.failures = 0

    async def open(self) -> int:
        await asyncio.sleep(1)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("away")
        self.opened += 1
        return self.opened

    async def close(self, value: int) -> None:
        self.closed.append(value)


async def use(shared: Shared, resource: Opened, seconds: float, key: str = "k") -> int:
    async with shared.use(key, resource.open, resource.close) as value:
        await asyncio.sleep(seconds)
        assert value not in resource.closed
        return value


async def test_many_users_share_what_is_opened_once_and_closed_with_the_last() -> None:
    shared, resource = Shared(), Opened()
    async with asyncio.TaskGroup() as group:
        users = [group.create_task(use(shared, resource, seconds)) for seconds in (1, 5, 3)]
    assert {user.result() for user in users} == {1}
    assert resource.closed == [1]


async def test_it_is_opened_anew_after_the_last_user() -> None:
    shared, resource = Shared(), Opened()
    assert [await use(shared, resource, 1), await use(shared, resource, 1)] == [1, 2]
    assert resource.closed == [1, 2]


async def test_each_key_has_its_own() -> None:
    shared, resource = Shared(), Opened()
    async with asyncio.TaskGroup() as group:
        users = [group.create_task(use(shared, resource, 1, key)) for key in "ab"]
    assert {user.result() for user in users} == {1, 2}


async def test_a_failure_to_open_is_the_first_users_alone() -> None:
    shared, resource = Shared(), Opened()
    resource.failures = 1
    first = asyncio.create_task(use(shared, resource, 1))
    second = asyncio.create_task(use(shared, resource, 1))
    with pytest.raises(ConnectionError):
        await first
    assert await second == 1
    assert resource.closed == [1]


async def test_a_user_who_gives_up_while_it_opens_leaves_the_rest_alone() -> None:
    shared, resource = Shared(), Opened()
    first = asyncio.create_task(use(shared, resource, 1))
    second = asyncio.create_task(use(shared, resource, 1))
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == 1
    assert resource.closed == [1]
    assert shared._entries == {}


async def test_what_never_opened_is_not_closed() -> None:
    shared, resource = Shared(), Opened()
    resource.failures = 2
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await use(shared, resource, 1)
    assert resource.closed == []
    assert shared._entries == {}
