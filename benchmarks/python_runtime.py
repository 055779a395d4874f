"""The Python runtime: start to first answer, requests per second, CPU per request, memory.

`python -m benchmarks.python_runtime [REQUESTS]` runs a trivial function, ordinary and async,
behind 1 and 32 keep-alive connections of a client that shares the machine.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtimes.runtime import FOLDER
from tests.conformance.runtimes.launcher import descendants

FUNCTIONS = """
def ordinary(event, context):
    return "hello"

async def shared(event, context):
    return "hello"
"""
REQUEST = (
    b"POST / HTTP/1.1\r\nhost: function\r\ncontent-type: application/json\r\n"
    b"ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /bench\r\nce-type: order\r\n"
    b"event-id: 1\r\nevent-type: application/json\r\nevent-time: 2026-01-01T00:00:00Z\r\n"
    b'event-namespace: bench\r\ncontent-length: 14\r\n\r\n{"order": "1"}'
)
ONCE = "HTTP/1.1\r\nhost: function\r\nconnection: close\r\n\r\n"
CLOSES = re.compile(rb"(?i)\r\nconnection: *close")
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
STARTS = 10
DEADLINE = 10.0
LOAD_DEADLINE = 120.0
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class LoadFailed(Exception):
    """Not all requests were answered with 200 in time."""


class Client(asyncio.Protocol):
    """Sends the next request when the answer is there, until the shared count is used up or the
    server wants no more. Then it has `ended`.
    """

    def __init__(self, request: bytes, left: list[int]) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._request = request
        self._left = left
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(LENGTH.findall(head)[0]):
            return
        self._answer = b""
        if not head.startswith(b"HTTP/1.1 200 "):
            self.ended.set_exception(LoadFailed(f"an answer is {head[:40]!r}"))
        elif CLOSES.search(head):
            self.ended.set_result(None)
        else:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(LoadFailed("a connection ended before its answer"))

    def _next(self) -> None:
        if self._left[0] > 0:
            self._left[0] -= 1
            self._transport.write(self._request)
        else:
            self.ended.set_result(None)


async def connected(port: int, request: bytes, left: list[int]) -> None:
    """Keep one connection as long as there are requests to send."""
    connect = asyncio.get_running_loop().create_connection
    while left[0] > 0:
        transport, client = await connect(lambda: Client(request, left), "127.0.0.1", port)
        try:
            await client.ended
        finally:
            transport.close()


async def load(port: int, connections: int, requests: int, target: str = "/") -> float:
    """Seconds until so many requests are answered; raises LoadFailed."""
    request = REQUEST.replace(b"/", target.encode(), 1)
    left = [requests]
    started = time.perf_counter()
    try:
        async with asyncio.timeout(LOAD_DEADLINE), asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(connected(port, request, left))
    except* TimeoutError:
        raise LoadFailed(f"not all is answered in {LOAD_DEADLINE:.0f} s") from None
    except* (LoadFailed, OSError) as failures:
        raise LoadFailed(str(failures.exceptions[0])) from None
    return time.perf_counter() - started


@contextmanager
def serving(folder: str, handler: str) -> Iterator[tuple[int, int, float]]:
    """A server's process id, its port, and the seconds from its start to its first answer."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    function = {"MOD_NAME": "bench", "FUNC_HANDLER": handler, "KUBELESS_INSTALL_VOLUME": folder}
    address = {"FUNC_HOST": "127.0.0.1", "FUNC_PORT": str(port)}
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, str(FOLDER / "python" / "server.py")],
        env={**os.environ, **function, **address},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            while not answers(port):
                if time.perf_counter() - started > DEADLINE:
                    raise TimeoutError("starting the server: no answer in time")
                time.sleep(0.002)
            yield process.pid, port, time.perf_counter() - started
        finally:
            process.terminate()


def answers(port: int, target: str = "/") -> bool:
    """Whether the function answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            connection.sendall(f"GET {target} {ONCE}".encode())
            return connection.recv(100).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def processes(pid: int) -> list[int]:
    """The server's front, its workers, and what they have started; not what outlives its parent."""
    return [pid, *descendants(pid)]


def cpu(pid: int) -> float:
    """Seconds of CPU that the server has used, with its processes that have ended."""
    used = 0
    for one in processes(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            used += sum(int(field) for field in fields[11:15])
    return used / TICK


def memory(pid: int) -> list[float]:
    """MiB of each process."""
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in processes(pid)]
    return [round(count * PAGE / 2**20, 1) for count in pages]


def measure(folder: str, handler: str, requests: int) -> None:
    """Print the figures of one function."""
    starts = []
    for _ in range(STARTS):
        with serving(folder, handler) as (_, _, seconds):
            starts.append(seconds)
    print(f"{handler}: start to first answer: median {statistics.median(starts) * 1e3:.0f} ms")
    with serving(folder, handler) as (pid, port, _):
        print(f"{handler}: idle memory, front and worker: {memory(pid)} MiB")
        for connections in (1, 32):
            before = cpu(pid)
            seconds = asyncio.run(load(port, connections, requests))
            each = (cpu(pid) - before) / requests * 1e6
            rate = requests / seconds
            print(f"{handler}: {connections} connections: {rate:.0f} req/s, {each:.0f} µs CPU each")


def main(arguments: list[str]) -> None:
    """Measure both kinds of function."""
    requests = int(arguments[0]) if arguments else 20_000
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bench.py").write_text(FUNCTIONS)
        for handler in ("ordinary", "shared"):
            measure(folder, handler, requests)


if __name__ == "__main__":
    main(sys.argv[1:])
