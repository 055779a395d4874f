"""Memory log -> dispatcher -> function, beside the bare HTTP client and an aiohttp sink.

`python -m benchmarks.dispatch [EVENTS [ROUNDS]]` prints CPU per event and the ratio to the
bare client: 256-byte bodies, 32 calls in flight, every event with an id of its own.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import aiohttp

from benchmarks.rounds import compare, server, table
from gateway.context import Context
from gateway.core.delivery import Answer, Delivery
from gateway.core.dispatcher import Dispatcher
from gateway.core.event import CloudEvent
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.core.shared import Shared
from gateway.core.sink import Sink
from gateway.http.client import Pool, PoolSettings
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.settings import Settings
from gateway.sinks.function import FunctionSink
from gateway.sources.memory import MemoryLog, MemorySource
from gateway.stores.memory import MemoryLedger
from tidegate.api.subscription import DeliveryPolicy, NatsSubject, Ordering, Subscription

CONCURRENCY = 32
BODY = b'{"order": "%s"}' % (b"x" * 242)
POLICY = DeliveryPolicy(concurrency=CONCURRENCY, timeout=30.0, ordering=Ordering.NONE)
SUBSCRIPTION = Subscription(
    "default", "NATSTrigger", "orders", "fn", NatsSubject("orders", "q"), policy=POLICY
)
HEAD = (
    b"POST / HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nce-specversion: 1.0\r\nce-type: order\r\n"
    b"ce-source: /bench\r\ncontent-type: application/json\r\nevent-type: application/json\r\n"
    b"event-namespace: natstriggers.kubeless.io\r\nce-id: %d\r\nevent-id: %d\r\n"
    b"ce-time: 2026-01-01T00:00:00Z\r\nevent-time: 2026-01-01T00:00:00Z\r\n"
    b"content-length: %d\r\n\r\n"
)


class NoSecrets:
    """The bench needs none."""

    def read(self, namespace: str, name: str) -> dict[str, bytes]:
        raise KeyError(name)


class AiohttpSink:
    """What a gateway on a ready-made client would do."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONCURRENCY), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._timeout = aiohttp.ClientTimeout(total=30)

    async def send(self, delivery: Delivery, deadline: float) -> Answer | None:
        event = delivery.event
        headers = {
            "ce-specversion": "1.0",
            "ce-id": event.id,
            "ce-source": event.source,
            "ce-type": event.type,
            "ce-time": event.time or "",
            "content-type": event.datacontenttype or "",
            "event-id": event.id,
            "event-time": event.time or "",
            "event-type": event.datacontenttype or "",
            "event-namespace": "natstriggers.kubeless.io",
        }
        async with self._session.post(
            self._url, data=event.data, headers=headers, timeout=self._timeout
        ) as response:
            return Answer(response.status, (), await response.read())

    async def close(self) -> None:
        await self._session.close()


def function_sink(port: int) -> Sink:
    """The product's own sink."""
    endpoints = Endpoints()
    endpoints.set(("default", "fn"), [("127.0.0.1", port)])
    context = Context(Settings(), NoSecrets(), MemoryLedger(), Shared(), RouteTable(), endpoints)
    return FunctionSink(SUBSCRIPTION, context)


def filled_log(events: int) -> MemoryLog:
    """A log of `events`, made outside of the measurement."""
    log = MemoryLog()
    for number in range(events):
        log.append(
            CloudEvent(
                str(number),
                "/bench",
                "order",
                time="2026-01-01T00:00:00Z",
                datacontenttype="application/json",
                data=BODY,
            )
        )
    return log


async def dispatched(filled: MemoryLog, sink: Sink) -> None:
    """Move all events of a log like `filled` to `sink`."""
    log = MemoryLog(filled.partitions)  # nothing committed yet, and of this round's event loop
    events = len(log.partitions[0])
    progress = Progress()
    dispatcher = Dispatcher(SUBSCRIPTION, Route(MemorySource(log), sink), progress, Limits())
    running = asyncio.create_task(dispatcher.run())
    while log.committed[0] < events:
        await log.appended()
    dispatcher.stop()
    await running
    await sink.close()
    assert progress.books.drift == 0


async def bare(port: int, events: int) -> None:
    """The HTTP client alone: what no dispatcher can be faster than."""
    pool = Pool("127.0.0.1", port, PoolSettings(max_connections=CONCURRENCY))
    numbers = iter(range(events))
    loop = asyncio.get_running_loop()

    async def lane() -> None:
        for number in numbers:
            head = HEAD % (port, number, number, len(BODY))
            await pool.request(head, BODY, loop.time() + 30)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(lane())
    await pool.close()


def main(events: int = 20_000, rounds: int = 5) -> None:
    """Print the table."""
    log = filled_log(events)
    with server("benchmarks.echo") as port:

        async def via_aiohttp(_: int) -> None:
            await dispatched(log, AiohttpSink(port))

        figures = compare(
            {
                "bare client": lambda events: bare(port, events),
                "memory -> function sink": lambda _: dispatched(log, function_sink(port)),
                "memory -> aiohttp sink": via_aiohttp,
            },
            events,
            rounds,
        )
    print(table(figures))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*map(int, sys.argv[1:3]))
