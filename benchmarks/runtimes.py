"""Every language's server: start to first answer, memory, requests per second beside a bare one.

`python -m benchmarks.runtimes [LANGUAGE…]` runs the contract suite's function `context` behind 16
keep-alive connections of a client that shares the machine. A bare server is the least that answers
HTTP in the language, on its standard library: a file of `benchmarks/bare`, which prints its port.
`benchmarks/kubeless_like` has the design of Kubeless's own servers, as far as a call goes, on the
libraries that it used: for the two languages whose server is its own and no proxy before another.
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
from tests.fakes.installed import NotToBeHad, node_package, python_package

STARTS = 10
CONNECTIONS = 16
REQUESTS = 5_000
ROUNDS = 3
KUBELESS = "Kubeless's design"
FEW = 200
"""Requests to a server that may start a process for each."""
BARE = Path(__file__).parent / "bare"
KUBELESS_LIKE = Path(__file__).parent / "kubeless_like"
LIBRARIES = ("bottle==0.13.4", "cheroot==11.1.2", "prometheus-client==0.22.1")
"""Of the server for Python; those for Node.js are in package.json."""

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


def kubeless_like(language: str) -> tuple[str, ...] | None:
    """What starts a server of Kubeless's design, where there is one to compare with."""
    try:
        if language == "python":
            python = python_package(*LIBRARIES) / "bin" / "python"
            # By the path, the process that is forked finds the function once, and not each fork.
            path = f"PYTHONPATH={KUBELESS_LIKE}"
            return ("env", path, str(python), str(KUBELESS_LIKE / "python.py"))
        if language == "nodejs":
            modules = node_package(KUBELESS_LIKE) / "node_modules"
            return ("env", f"NODE_PATH={modules}", "node", str(KUBELESS_LIKE / "nodejs.js"))
    except NotToBeHad as error:
        print(f"{language}: Kubeless's design is left out: {error}")
    return None


def others(language: str) -> dict[str, tuple[str, ...]]:
    """What starts the servers that a language's is measured beside, by what they are called."""
    commands = {
        "bare server": BARE_SERVERS.get(language),
        KUBELESS: kubeless_like(language),
    }
    return {name: command for name, command in commands.items() if command is not None}


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


def pace(pid: int, port: int, requests: int = REQUESTS) -> Pace:
    """That of a server that is warm."""
    asyncio.run(load(port, CONNECTIONS, requests // 10))
    before = cpu(pid)
    seconds = asyncio.run(load(port, CONNECTIONS, requests))
    return Pace(requests / seconds, (cpu(pid) - before) / requests)


def median(paces: list[Pace]) -> Pace:
    """The median of each figure."""
    return Pace(
        statistics.median(one.rate for one in paces), statistics.median(one.cpu for one in paces)
    )


def paces(
    launcher: Launcher, beside: Mapping[str, tuple[str, ...]]
) -> tuple[list[Pace], dict[str, list[Pace]]]:
    """Those of the server and of the others, in turn."""
    ours: list[Pace] = []
    theirs: dict[str, list[Pace]] = {name: [] for name in beside}
    for _ in range(ROUNDS):
        with launcher.running("context") as server:
            ours.append(pace(server.process.pid, server.port))
        for name, command in beside.items():
            with bare(command) as (pid, port):
                theirs[name].append(pace(pid, port, FEW if name == KUBELESS else REQUESTS))
    return ours, theirs


def ratio(theirs: list[Pace], ours: list[Pace]) -> float:
    """How many times our CPU per request theirs is: the median of the rounds."""
    return statistics.median(other.cpu / one.cpu for other, one in zip(theirs, ours, strict=True))


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
    ours, theirs = paces(launcher, others(lane.name))
    print(f"{lane.name}: {median(ours)}")
    for name, found in theirs.items():
        print(f"{lane.name}: {name}: {median(found)}, {ratio(found, ours):.1f} × ours")


def main(languages: list[str]) -> None:
    """Measure these languages, or all that the machine has."""
    for lane in LANES:
        if lane.missing is None and (not languages or lane.name in languages):
            with tempfile.TemporaryDirectory() as folder:
                measure(lane, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
