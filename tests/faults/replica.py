"""One gateway in a process of its own, composed as in production.

Reads a pickled `Plan` from the file that it is given, and prints the port of its admin server.
SIGTERM drains it, and so does the end of its standard input: no test leaves one behind.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from gateway.app import Gateway
from gateway.settings import Settings
from gateway.stores.memory import MemoryLedger
from tests.support.gateways import DictSecrets
from tidegate.api.subscription import Subscription


@dataclass(frozen=True, slots=True)
class Plan:
    """What one gateway is to do."""

    subscription: Subscription
    settings: Settings
    function: tuple[str, int]


class OnOneClock(logging.Formatter):
    """Tells the time that the test's own account is in, which is the machine's for all."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return f"{time.monotonic():.3f}"


def _log() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(OnOneClock("%(asctime)s %(levelname)s %(message)s"))
    return handler


async def main(plan: Plan) -> None:
    """Run until told to stop."""
    gateway = Gateway(plan.settings, DictSecrets(), MemoryLedger())
    one, loop = plan.subscription, asyncio.get_running_loop()

    def left() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            gateway.stop()

    loop.add_signal_handler(signal.SIGTERM, gateway.stop)
    loop.add_reader(0, left)
    await gateway.start()
    gateway.endpoints.set((one.namespace, one.function), [plan.function])
    gateway.apply([one])
    print(gateway.admin_port, flush=True)  # noqa: T201 - this is how the test hears of it
    await gateway.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, handlers=[_log()])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(pickle.loads(Path(sys.argv[1]).read_bytes())))
