"""A log in memory and the source that reads it: for embedding, for examples, for tests.

The log plays the broker: it keeps records and the committed position of each partition, and
outlives the sources that read it, as a broker outlives its consumers.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from gateway.core.checkpoint import Checkpoint, Mark
from gateway.core.delivery import Delivery, Outcome
from gateway.core.event import CloudEvent
from gateway.core.source import Intake
from gateway.errors import SourceUnavailable


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the log."""

    event: CloudEvent
    key: str | None = None


@dataclass(slots=True)
class MemoryLog:
    """Partitions of records, and how far each is committed (the next offset to read)."""

    partitions: dict[int, list[Record]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    broken: bool = False
    """Set to make every read fail, as a broker that is away."""

    _appended: asyncio.Event = field(default_factory=asyncio.Event)

    def append(self, event: CloudEvent, key: str | None = None, partition: int = 0) -> None:
        """Add a record to the end of `partition`."""
        self.partitions[partition].append(Record(event, key))
        self.wake()

    def wake(self) -> None:
        """Have the readers look again."""
        self._appended.set()

    async def appended(self) -> None:
        """Return at the next `wake`."""
        self._appended.clear()
        await self._appended.wait()


class MemorySource:
    """Reads a `MemoryLog` from its committed positions; commits the settled prefix.

    What is released, or out of order behind an unsettled record, is read again by the next
    source on the same log.
    """

    redelivers = True
    watched = False

    def __init__(self, log: MemoryLog, checkpoint_limit: int = 10_000) -> None:
        self._log = log
        self._limit = checkpoint_limit
        self._next: dict[int, int] = {}
        self._checkpoints: dict[int, Checkpoint[int]] = {}

    async def run(self, intake: Intake) -> None:
        """See `Source.run`."""
        while True:
            intake.polled()
            if self._log.broken:
                raise SourceUnavailable("reading the memory log: it is set to broken")
            await intake.room()
            if not self._read(intake):
                await self._log.appended()
            else:
                await asyncio.sleep(0)

    async def close(self) -> None:
        """See `Source.close`. Revokes: what settles later commits nothing."""
        for checkpoint in self._checkpoints.values():
            checkpoint.revoke()

    def _read(self, intake: Intake) -> bool:
        """Push what there is, within the credit; say whether there was anything."""
        found = False
        for partition in tuple(self._log.partitions):
            batch = self._batch(partition, intake.credit)
            found = found or bool(batch)
            intake.push(batch)
        return found

    def _batch(self, partition: int, credit: int) -> list[Delivery]:
        checkpoint = self._checkpoints.setdefault(partition, Checkpoint(self._limit))
        start = self._next.get(partition, self._log.committed[partition])
        stop = start + min(credit, max(self._limit - checkpoint.pending, 0))
        records = self._log.partitions[partition][start:stop]
        self._next[partition] = start + len(records)
        return [
            self._delivery(partition, checkpoint.track(start + index), record)
            for index, record in enumerate(records)
        ]

    def _delivery(self, partition: int, mark: Mark[int], record: Record) -> Delivery:
        return Delivery(record.event, self._settled, mark, record.key, partition)

    def _settled(self, delivery: Delivery) -> None:
        partition, mark = delivery.partition, delivery.position
        assert isinstance(partition, int)
        assert isinstance(mark, Mark)
        if delivery.outcome is Outcome.RELEASED:
            return
        checkpoint = self._checkpoints[partition]
        if checkpoint.resolve(mark) and checkpoint.watermark is not None:
            self._log.committed[partition] = checkpoint.watermark + 1
        self._log.wake()
