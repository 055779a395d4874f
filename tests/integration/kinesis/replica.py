"""A replica in a process of its own: writes each record down when it is settled."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from gateway.core.delivery import Delivery, Outcome
from tests.fakes.kinesis_server import KinesisServer
from tests.support.intake import RecordingIntake
from tests.support.kinesis import FAILOVER, StreamOfTests


class WritingIntake(RecordingIntake):
    """Settles after a moment, and has written it down before that."""

    def __init__(self, output: Path) -> None:
        super().__init__()
        self._file = output.open("a", buffering=1)

    def push(self, deliveries: Sequence[Delivery]) -> None:
        """See `Intake.push`."""
        super().push(deliveries)
        for number, delivery in enumerate(deliveries):
            asyncio.get_running_loop().call_later(0.001 * number, self._end, delivery)

    def _end(self, delivery: Delivery) -> None:
        self._file.write(f"{delivery.key} {(delivery.event.data or b'').decode()}\n")
        delivery.settle(Outcome.DELIVERED)


async def main(url: str, name: str, leases: str, output: str) -> None:
    """Read until killed."""
    stream = StreamOfTests(KinesisServer(Path(leases).parent), Path(leases), name, endpoint=url)
    await stream.source(timing=FAILOVER).run(WritingIntake(Path(output)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
