"""The port where a source keeps the little that must survive a restart."""

from __future__ import annotations

from typing import Protocol


class Ledger(Protocol):
    """A durable map of small texts, one per subscription and name.

    A value is on disk (or wherever the adapter keeps it) when `put` returns.
    """

    async def get(self, subscription: str, name: str) -> str | None: ...

    async def put(self, subscription: str, name: str, value: str) -> None: ...

    async def close(self) -> None: ...
