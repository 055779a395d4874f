"""The harness of the Kinesis source: an emulator, and leases in a file."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.core.source import Source
from gateway.stores.sqlite_leases import SqliteLeases
from tests.conformance.harness import Reading, SourceHarness
from tests.fakes.kinesis_moto import MotoKinesis
from tests.fakes.kinesis_server import KinesisServer
from tests.support.kinesis import FAILOVER, CutOff, StreamOfTests


class KinesisHarness(SourceHarness):
    """A stream of one shard; what it has comes in the order of its keeping."""

    emulator: type[KinesisServer] = KinesisServer
    server: KinesisServer
    """The emulator that tests share; to be given before the start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.stack = AsyncExitStack()
        self.stores: dict[Source, CutOff] = {}

    async def start(self) -> None:
        name = f"orders-{uuid.uuid4().hex}"
        self.stream = StreamOfTests(self.server, self.folder / "leases.sqlite", name)
        self.operator = await self.stack.enter_async_context(self.server.operator())
        await self.operator.create(name)

    async def stop(self) -> None:
        await self.operator.client.delete_stream(StreamName=self.stream.name)
        await self.stack.aclose()

    def source(self) -> Source:
        store = CutOff(SqliteLeases(self.stream.file))
        made = self.stream.source(store, FAILOVER)
        self.stores[made] = store
        return made

    async def publish(self, count: int, keys: Sequence[str] = ("k",)) -> None:
        numbers = range(self.count, self.count + count)
        self.count += count
        records = [(keys[number % len(keys)], b"%d" % number) for number in numbers]
        await self.operator.put(self.stream.name, records)

    async def publish_rubbish(self) -> None:
        await self.operator.put(self.stream.name, [("k", b'{"specversion": "1.0", "id')])

    async def crash(self, reading: Reading) -> None:
        """Cut the reader off from the leases: others see it fall silent."""
        self.stores[reading.source].cut = True
        await reading.stop_reading()


class MotoHarness(KinesisHarness):
    """A second opinion: other sequence numbers, iterators and words."""

    emulator = MotoKinesis
    slow = True
