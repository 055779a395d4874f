"""A gateway of one subscription in a process of its own, for tests that kill it.

Reads a topic through the real source and dispatcher, and appends `<worker> <topic/partition/offset>
<key> <payload>` to a file for each event that it took. SIGTERM drains it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

from gateway.context import Context
from gateway.core.delivery import Delivery
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.core.shared import Shared
from gateway.settings import KafkaSettings, Settings
from gateway.sources.kafka import KafkaSource
from tidegate.api.subscription import DeliveryPolicy, KafkaTopic, Ordering, Subscription


class FileSink:
    """Takes `delay` seconds for an event, then writes it down."""

    def __init__(self, path: str, delay: float) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._delay = delay

    async def send(self, delivery: Delivery, deadline: float) -> None:
        await asyncio.sleep(self._delay)
        key, data = delivery.key or b"-", delivery.event.data or b""
        assert isinstance(key, bytes)
        line = f"{os.getpid()} {delivery.event.id} {key.decode()} {data[:20].decode()}\n"
        os.write(self._file, line.encode())

    async def close(self) -> None:
        os.close(self._file)


async def main(settings: dict[str, Any]) -> None:
    policy = DeliveryPolicy(ordering=Ordering.KEY, concurrency=16)
    spec = KafkaTopic(settings["topic"], settings["group"], (settings["broker"],))
    one = Subscription("default", "KafkaTrigger", "orders", "hello", spec, policy=policy)
    unused: Any = None
    kafka = KafkaSettings(**settings["kafka"])
    context = Context(Settings(kafka=kafka), unused, unused, Shared(), unused, unused)
    sink = FileSink(settings["file"], settings["delay"])
    progress = Progress()
    dispatcher = Dispatcher(one, Route(KafkaSource(one, context), sink), progress, Limits())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, dispatcher.stop)
    await dispatcher.run()
    await sink.close()
    assert progress.books.drift == 0


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
