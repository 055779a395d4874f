"""The port where a source keeps the little that must survive a restart."""

from __future__ import annotations

from typing import Protocol


class Ledger(Protocol):
    """A durable map of small texts, one per subscription and name.

    Where several processes share it, one at a time has what is kept of a subscription, from its
    first `get` to `release`; `put` raises `SourceUnavailable` for what is not ours.
    A value is on disk (or wherever the adapter keeps it) when `put` returns.
    """

    async def get(self, subscription: str, name: str) -> str | None: ...

    async def put(self, subscription: str, name: str, value: str) -> None: ...

    async def release(self, subscription: str) -> None:
        """Say that this process does nothing for `subscription` any more, so that another may.

        Until then, `get` of another process that shares the ledger waits or fails.
        """
        ...

    async def close(self) -> None: ...
