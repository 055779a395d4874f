"""Every language's server: start to first answer, memory, requests per second beside a bare one.

`python -m benchmarks.runtimes [LANGUAGE…]` runs the contract suite's function `context` behind 16
keep-alive connections of a client that shares the machine. A bare server is the least that answers
HTTP in the language, on its standard library: a file of `benchmarks/bare`, which prints its port.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.python_runtime import cpu, load, processes
from tests.conformance.runtimes.lanes import LANES, Lane
from tests.conformance.runtimes.launcher import Launcher

STARTS = 10
CONNECTIONS = 16
REQUESTS = 5_000
ROUNDS = 3
BARE = Path(__file__).parent / "bare"

BARE_SERVERS: Mapping[str, tuple[str, ...]] = {
    "python": (sys.executable, str(BARE / "python.py")),
    "ruby": ("ruby", "--disable-gems", str(BARE / "ruby.rb")),
    "java": ("java", str(BARE / "java.java")),
    "php": ("php", str(BARE / "php.php")),
    "nodejs": ("node", str(BARE / "nodejs.js")),
    "go": ("sh", "-c", f'made=$(mktemp) && go build -o "$made" {BARE}/go.go && exec "$made"'),
}
"""By lane; one that is not here is measured alone."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a server was, and what it cost."""

    rate: float
    """Requests per second."""

    cpu: float
    """Seconds of CPU per request, which a busy machine blurs less."""

    def __str__(self) -> str:
        return f"{self.rate:.0f} requests/s, {self.cpu * 1e6:.0f} µs CPU each"


@contextmanager
def bare(command: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """A bare server's process id and port."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def memory(pid: int) -> float:
    """MiB of all of a server's processes, shared pages counted once (PSS)."""
    kib = 0
    for one in processes(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kib += int(line.split()[1])
    return kib / 1024


def start_seconds(launcher: Launcher) -> float:
    """Seconds from a start to the first answer of the function."""
    begun = time.perf_counter()
    with launcher.started("context") as server:
        while server.call().status != 200:
            time.sleep(0.002)
        return time.perf_counter() - begun


def pace(pid: int, port: int) -> Pace:
    """That of a server that is warm."""
    asyncio.run(load(port, CONNECTIONS, REQUESTS // 10))
    before = cpu(pid)
    seconds = asyncio.run(load(port, CONNECTIONS, REQUESTS))
    return Pace(REQUESTS / seconds, (cpu(pid) - before) / REQUESTS)


def median(paces: list[Pace]) -> Pace:
    """The median of each figure."""
    return Pace(
        statistics.median(one.rate for one in paces), statistics.median(one.cpu for one in paces)
    )


def paces(launcher: Launcher, command: tuple[str, ...] | None) -> tuple[list[Pace], list[Pace]]:
    """Those of the server and of a bare one, in turn."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with launcher.running("context") as server:
            ours.append(pace(server.process.pid, server.port))
        if command is not None:
            with bare(command) as (pid, port):
                theirs.append(pace(pid, port))
    return ours, theirs


def measure(lane: Lane, folder: Path) -> None:
    """Print one language's figures."""
    launcher = Launcher(lane, folder, folder)
    starts = [start_seconds(launcher) for _ in range(STARTS)]
    print(f"{lane.name}: start to first answer: median {statistics.median(starts) * 1e3:.0f} ms")
    with launcher.running("context") as server:
        server.call()
        print(f"{lane.name}: idle, one worker: {memory(server.process.pid):.1f} MiB")
        asyncio.run(load(server.port, CONNECTIONS, REQUESTS))
        count = len(processes(server.process.pid))
        print(f"{lane.name}: after load, {count} processes: {memory(server.process.pid):.1f} MiB")
    ours, theirs = paces(launcher, BARE_SERVERS.get(lane.name))
    print(f"{lane.name}: {median(ours)}")
    if theirs:
        print(f"{lane.name}: bare server: {median(theirs)}")


def main(languages: list[str]) -> None:
    """Measure these languages, or all that the machine has."""
    for lane in LANES:
        if lane.missing is None and (not languages or lane.name in languages):
            with tempfile.TemporaryDirectory() as folder:
                measure(lane, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
