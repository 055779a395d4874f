"""Does several things at a time, and tells of the first failure as if it were the only one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """A group of tasks for the length of the block; what fails first is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failed:  # of more than `Exception`: a generator may be closed
        raise failed.exceptions[0] from None


async def together(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what each returns, in their order. The first that fails ends the others."""
    async with tasks() as group:
        made = [group.create_task(one) for one in asked]
    return [task.result() for task in made]
