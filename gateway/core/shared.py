"""Connections that several subscriptions use at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Entry:
    users: int = 0
    opened: bool = False
    value: Any = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Shared:
    """Opens what is asked for once per key, and closes it with its last user.

    A thousand triggers on one server cost one connection. A failed `opener` leaves nothing
    behind: the next user tries again.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}

    @asynccontextmanager
    async def use(
        self,
        key: Hashable,
        opener: Callable[[], Awaitable[T]],
        closer: Callable[[T], Awaitable[None]],
    ) -> AsyncIterator[T]:
        """Borrow the resource of `key` for the length of the block."""
        entry = self._entries.setdefault(key, _Entry())
        entry.users += 1
        try:
            async with entry.lock:
                if not entry.opened:
                    entry.value = await opener()
                    entry.opened = True
            yield entry.value
        finally:
            entry.users -= 1
            if not entry.users:
                self._entries.pop(key, None)
                if entry.opened:
                    await closer(entry.value)
