"""A ledger that forgets with the process: for embedding and for tests."""

from __future__ import annotations


class MemoryLedger:
    """See `gateway.core.ledger.Ledger`."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], str] = {}

    async def get(self, subscription: str, name: str) -> str | None:
        """Return what was put, or None."""
        return self._values.get((subscription, name))

    async def put(self, subscription: str, name: str, value: str) -> None:
        """Keep `value`."""
        self._values[subscription, name] = value

    async def close(self) -> None:
        """Nothing to close: what was put can still be read."""
