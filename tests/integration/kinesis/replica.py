"""A replica in a process of its own: writes each record down when it is settled."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gateway.core.delivery import Delivery, Outcome
from gateway.core.lease import LeaseStore
from gateway.stores.sqlite_leases import SqliteLeases
from tests.fakes.kinesis_server import KinesisServer
from tests.support.dynamodb import leases_in
from tests.support.intake import RecordingIntake
from tests.support.kinesis import FAILOVER, StreamOfTests, read_on

ROOT = Path(__file__).parents[3]

Settled = tuple[str, int]
"""Key and number of a record."""


class Process:
    """One replica. `leases` is a file, or the URL of an emulator with a table."""

    def __init__(self, stream: StreamOfTests, leases: str, output: Path) -> None:
        self._arguments = (stream.endpoint or stream.server.url, stream.name, leases, str(output))
        self._output = output
        self._process: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run for the length of the block, unless it is killed before."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.kinesis.replica", *self._arguments, cwd=ROOT
        )
        try:
            yield
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End it as SIGKILL does."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    def settled(self) -> list[Settled]:
        """Return what it has settled, in that order; a cut last line is nothing."""
        if not self._output.exists():
            return []
        lines = [line.split() for line in self._output.read_text().split("\n")[:-1]]
        return [(key, int(number)) for key, number in lines]


class WritingIntake(RecordingIntake):
    """Settles in order, each after a moment, and has written it down before that."""

    def __init__(self, output: Path) -> None:
        super().__init__()
        self._file = output.open("a", buffering=1)
        self._free_at: dict[object, float] = defaultdict(float)
        """When the last delivery of a shard will have been settled: later ones come after it."""

    def push(self, deliveries: Sequence[Delivery]) -> None:
        """See `Intake.push`."""
        super().push(deliveries)
        loop = asyncio.get_running_loop()
        for delivery in deliveries:
            moment = max(self._free_at[delivery.partition], loop.time()) + 0.001
            self._free_at[delivery.partition] = moment
            loop.call_at(moment, self._end, delivery)

    def _end(self, delivery: Delivery) -> None:
        if delivery.outcome is None:
            self._file.write(f"{delivery.key} {(delivery.event.data or b'').decode()}\n")
            delivery.settle(Outcome.DELIVERED)
            self._signal.set()


def store(leases: str) -> LeaseStore:
    """Reach the leases at a URL, or in a file."""
    return leases_in(leases) if leases.startswith("http:") else SqliteLeases(Path(leases))


async def main(url: str, name: str, leases: str, output: str) -> None:
    """Read until killed."""
    stream = StreamOfTests(KinesisServer(Path(output).parent), Path(output), name, endpoint=url)
    await read_on(lambda: stream.source(store(leases), FAILOVER), WritingIntake(Path(output)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
