"""A ledger that forgets: for tests, and for runs that must leave nothing behind."""

from __future__ import annotations


class MemoryLedger:
    """Keeps values for as long as it lives."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], str] = {}

    async def get(self, subscription: str, name: str) -> str | None:
        return self._values.get((subscription, name))

    async def put(self, subscription: str, name: str, value: str) -> None:
        self._values[subscription, name] = value

    async def release(self, subscription: str) -> None:
        """Nobody else is here."""

    async def close(self) -> None:
        """Nothing to let go of."""
