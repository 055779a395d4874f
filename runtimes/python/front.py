"""The front: listens, reads requests, lets workers run the function, and stops in good order."""

import asyncio
import contextlib
import math
import os
import signal
import sys
import time
from itertools import count

from . import metrics
from .call import Call
from .connection import Connection
from .log import LineWriter
from .metrics import Metrics
from .pool import PLAIN, RETRY, Pool, Surroundings
from .process import WorkerProcess
from .settings import BIND_FAILED, CUT_SHORT, LOAD_FAILED, MIB, Settings
from .wire import Head

CONNECTION_LIMIT = 1024
BACKLOG = 1024
SWEEP = 5.0
LAST_GRACE = 2.0


def run(settings: Settings, first: WorkerProcess) -> int:
    """Serve until a signal or a failure ends it; the process's exit code."""
    return asyncio.run(serve(settings, first))


async def serve(settings: Settings, first: WorkerProcess) -> int:
    """The front's main task."""
    front = Front(settings, first)
    try:
        server = await front.listen()
    except OSError as error:
        front.last_words = f"listening on {settings.host}:{settings.port}: {error.strerror}"
        return await front.end(BIND_FAILED)
    try:
        await front.stopping.wait()
        return await front.end(await front.drain(server))
    finally:
        server.close()


class Front:
    """Holds the connections and the pool together."""

    def __init__(self, settings: Settings, first: WorkerProcess) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._ids = count(1)
        self._connections: set[Connection] = set()
        self._no_connections = asyncio.Event()
        self._held = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._metrics = Metrics()
        self._log = LineWriter(sys.stderr.fileno())
        self._access = LineWriter(sys.stdout.fileno()) if settings.access_log else None
        self._port = settings.port
        self._listens = False
        self._has_function = False
        self._pool = Pool(
            first,
            Surroundings(settings, self._log, self._metrics, self._loaded, self._load_failed),
        )
        self.body_limit = settings.body_limit
        self.draining = False
        self.stopping = asyncio.Event()
        self.load_failed = False
        self.last_words: str | None = None
        self._loop.add_signal_handler(signal.SIGCHLD, self._pool.reap)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stopping.set)
        self._pool.reap()

    async def listen(self) -> asyncio.Server:
        """Accept connections, and write the port down where it is asked for."""
        server = await self._loop.create_server(
            self._connect, self._settings.host, self._settings.port, backlog=BACKLOG
        )
        self._port = server.sockets[0].getsockname()[1]
        self._listens = True
        self._announce()
        if self._settings.port_file:
            write_whole(self._settings.port_file, f"{self._port}\n")
        return server

    async def drain(self, server: asyncio.Server) -> int:
        """Accept no more, let the calls in flight end; the exit code tells whether they did."""
        server.close()
        self.draining = True
        if self.load_failed:
            return LOAD_FAILED
        for connection in list(self._connections):
            connection.close_if_idle(self._loop.time(), idle_timeout=0.0)
        try:
            async with asyncio.timeout(self._settings.shutdown_timeout):
                await self._pool.idle.wait()
                await self._all_closed()
        except TimeoutError:
            if self._pool.unfinished:
                self.last_words = f"stopping: {self._pool.unfinished} calls were cut short"
                return CUT_SHORT
        return 0

    async def end(self, code: int) -> int:
        """End the workers and say why, last."""
        self._pool.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_GRACE):
                await self._pool.empty.wait()
        for connection in list(self._connections):
            connection.abort()
        if self.last_words is not None:
            self._log.write(f"{self._settings.title}: {self.last_words}")
        return code

    async def _all_closed(self) -> None:
        if self._connections:
            await self._no_connections.wait()

    def _connect(self) -> Connection:
        return Connection(self, self._loop)

    def opened(self, connection: Connection) -> None:
        """Hold a connection from when it has a transport, so that it can be ended."""
        self._connections.add(connection)
        self._no_connections.clear()
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(SWEEP, self._sweep)

    def _sweep(self) -> None:
        """Close connections whose client is silent, while there are any."""
        self._sweeper = None
        now = self._loop.time()
        for connection in list(self._connections):
            connection.close_if_idle(now)
        if self._connections:
            self._sweeper = self._loop.call_later(SWEEP, self._sweep)

    def _loaded(self) -> None:
        self._has_function = True
        self._announce()

    def _announce(self) -> None:
        """Say that calls can come, when there are both a port and a function."""
        if not (self._listens and self._has_function):
            return
        version = ".".join(map(str, sys.version_info[:3]))
        self._log.write(
            f"{self._settings.title}: ready on {self._settings.host}:{self._port} "
            f"(Python {version}, timeout {self._settings.timeout:g} s)"
        )

    def _load_failed(self, sentence: str) -> None:
        if not self.load_failed:
            self.load_failed = True
            self.last_words = sentence
            self.stopping.set()

    def reserve(self, size: int) -> bool:
        """Whether size more bytes of body may be held: four of the largest at once."""
        if self._held + size > max(4 * self.body_limit, MIB):
            return False
        self._held += size
        return True

    def release(self, size: int) -> None:
        """Bytes that are held no more."""
        self._held -= size

    def full(self) -> bool:
        """Whether there are more connections than are served."""
        return len(self._connections) > CONNECTION_LIMIT

    def own_answer(self, path: str) -> tuple[int, bytes, bytes] | None:
        """Answers of the server itself: is it alive, is the function ready, what has it done."""
        if path == "/healthz":
            return 200, PLAIN, b"OK\n"
        if path == "/readyz":
            if self._pool.ready and not self.draining:
                return 200, PLAIN, b"OK\n"
            why = b"stopping\n" if self.draining else b"the function is not loaded yet\n"
            return 503, RETRY, why
        if path == "/metrics":
            head = f"Content-Type: {metrics.CONTENT_TYPE}\r\n".encode()
            return 200, head, self._metrics.render().encode()
        return None

    def submit(self, connection: Connection, head: Head, body: bytes) -> Call:
        """Run the function; raises Unavailable."""
        now, unix_now = self._loop.time(), time.time()
        allowed = min(self._settings.timeout, allowed_by(head, unix_now))
        call = Call(
            id=next(self._ids),
            method=head.method,
            target=head.target,
            headers=head.headers,
            body=body,
            peer=connection.peer,
            received=now,
            deadline=now + allowed,
            unix_deadline=unix_now + allowed,
            reply=connection,
        )
        self._pool.submit(call)
        return call

    def waiting(self, call: Call) -> bool:
        """Whether the call has not begun."""
        return self._pool.waiting(call)

    def more(self, call: Call) -> None:
        """The client has taken a chunk of the call's answer."""
        self._pool.more(call)

    def answered(self, connection: Connection, status: int, size: int) -> None:
        """An answer is complete: Apache's combined line, where wanted."""
        if self._access is not None and connection.head is not None:
            self._access.write(access_line(connection.peer, connection.head, status, size))

    def lost(self, connection: Connection, call: Call | None) -> None:
        """The connection has closed, perhaps before the call's answer was complete."""
        self._connections.discard(connection)
        if call is not None:
            self._pool.forget(call)
        if not self._connections:
            self._no_connections.set()


def allowed_by(head: Head, unix_now: float) -> float:
    """Seconds that the request's own deadline leaves; infinite without one."""
    text = head.lower.get("x-tidegate-deadline")
    try:
        deadline = float(text) if text else math.inf
    except ValueError:
        return math.inf
    return max(0.0, deadline - unix_now) if math.isfinite(deadline) else math.inf


def access_line(peer: str, head: Head, status: int, size: int) -> str:
    """The request in Apache's combined format."""
    when = time.strftime("%d/%b/%Y:%H:%M:%S %z")
    referer, agent = head.lower.get("referer", "-"), head.lower.get("user-agent", "-")
    request = f"{head.method} {head.target} HTTP/1.{head.version}"
    quoted = ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
              for text in (request, referer, agent)]  # fmt: skip
    return f"{peer} - - [{when}] {quoted[0]} {status} {size} {quoted[1]} {quoted[2]}"


def write_whole(path: str, text: str) -> None:
    """Write a file so that a reader finds all of it or none."""
    unfinished = f"{path}.{os.getpid()}"
    with open(unfinished, "w", encoding="ascii") as file:
        file.write(text)
    os.replace(unfinished, path)
