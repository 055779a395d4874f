"""Numbered records on many keys, and whether all of them arrived in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from gateway.core.delivery import Delivery
from tests.fakes.kinesis_server import Operator


class Load:
    """Publishes numbers, `keys` at a time, one to each key."""

    def __init__(self, operator: Operator, stream: str, keys: int = 20) -> None:
        self._operator = operator
        self._stream = stream
        self._keys = [f"key{number}" for number in range(keys)]
        self.rounds = 0

    async def publish(self, rounds: int) -> None:
        """Publish `rounds` numbers to each key."""
        for _ in range(rounds):
            data = b"%d" % self.rounds
            await self._operator.put(self._stream, [(key, data) for key in self._keys])
            self.rounds += 1

    @asynccontextmanager
    async def flowing(self, pause: float = 0.01) -> AsyncIterator[None]:
        """Publish for the length of the block, in whole rounds."""
        over = asyncio.Event()
        flow = asyncio.create_task(self._flow(over, pause), name="load")
        try:
            yield
        finally:
            over.set()
            await flow

    async def _flow(self, over: asyncio.Event, pause: float) -> None:
        while not over.is_set():
            await asyncio.sleep(pause)
            await self.publish(1)

    @property
    def count(self) -> int:
        """How many records there are."""
        return self.rounds * len(self._keys)

    def missing(self, deliveries: Iterable[Delivery]) -> set[tuple[object, int]]:
        """Return the records that did not arrive."""
        arrived = {(one.key, int(one.event.data or b"")) for one in deliveries}
        return {(key, number) for key in self._keys for number in range(self.rounds)} - arrived


def numbers_by_key(deliveries: Iterable[Delivery]) -> dict[object, list[int]]:
    """Return the numbers of each key in the order of their first arrival."""
    found: dict[object, dict[int, None]] = defaultdict(dict)
    for one in deliveries:
        found[one.key].setdefault(int(one.event.data or b""))
    return {key: list(numbers) for key, numbers in found.items()}


def assert_in_order(deliveries: Iterable[Delivery]) -> None:
    """Check that no key's record came before an earlier one of the key."""
    for key, numbers in numbers_by_key(deliveries).items():
        assert numbers == sorted(numbers), key
