"""Every language's server beside the design of Kubeless's and a bare one, measured in turn.

`python -m benchmarks.runtimes [LANGUAGE…]` prints a table for each language: seconds from a start
to the first answer; memory before and after the load, and how many processes hold it; CPU and calls
per second of the contract suite's function `context` behind 16 keep-alive connections of a client
that shares the machine; and how long 16 calls take that come at once and wait 50 ms each. Every
figure is the median of the rounds, and × is how many times ours it is. CPU is the figure to go by
on a machine that has other work. The servers beside ours are described in `benchmarks.beside`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.beside import BARE_SERVERS, KUBELESS_DESIGNS, Words
from benchmarks.python_runtime import DEADLINE, LoadFailed, answers, cpu, load, processes
from tests.conformance.runtimes.lanes import LANES, Lane
from tests.conformance.runtimes.launcher import Launcher
from tests.fakes.installed import NotToBeHad

STARTS = 3
"""In each round."""
CONNECTIONS = 16
REQUESTS = 5_000
FEW = 200
"""Requests to a server that starts a process for each."""
ROUNDS = 3
WAIT = 0.05
"""Seconds."""
WAITING: Mapping[str, tuple[str, str]] = {
    "nodejs": ("act_async", "sleep"),
    "java": ("act", "sleep"),
}
"""Which of the suite's functions waits, and what tells it to, where it is not `act` with `nap`: one
that holds Node.js's only thread, and that Java can call once."""

COLUMNS: Mapping[str, str] = {
    "start": "{:.0f} ms",
    "idle": "{:.0f} MiB",
    "after load": "{:.0f} MiB",
    "processes": "{:.0f}",
    "CPU per call": "{:,.0f} µs",
    "calls/s": "{:,.0f}",
    f"{CONNECTIONS} that wait {WAIT * 1e3:.0f} ms": "{:.0f} ms",
}

Figures = Mapping[str, float]
"""By column; one that a server cannot have is not there."""

Server = tuple[int, int]
"""A process's id, and its port."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One that is measured."""

    name: str
    started: Callable[[str], AbstractContextManager[Server]]
    """By a function's name: a server, ready or not; gone afterwards."""

    requests: int
    waiting: tuple[str, str] | None
    """The name of the function that waits, and the target that says so."""


@contextmanager
def ours(launcher: Launcher, function: str) -> Iterator[Server]:
    """Our server of a lane."""
    with launcher.started(function) as server:
        yield server.process.pid, server.port


@contextmanager
def theirs(words: Words, function: str) -> Iterator[Server]:
    """Another's server, in a folder of its own; raises NotToBeHad."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            (*words, function), stdout=subprocess.PIPE, cwd=folder, start_new_session=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            if not said:
                raise NotToBeHad("its server ends at once")
            yield process.pid, int(said)
        finally:
            # Of all groups: php-fpm makes one of its own.
            for one in processes(process.pid):
                with suppress(ProcessLookupError):  # it has ended since, or with its group
                    os.killpg(os.getpgid(one), signal.SIGKILL)


def beside(lane: Lane) -> Iterator[Contender]:
    """Yield those that can be had here; the others are named."""
    for name, commands in (("Kubeless's design", KUBELESS_DESIGNS), ("bare server", BARE_SERVERS)):
        if lane.name not in commands:
            print(f"{lane.name}: there is no {name} to measure beside")
            continue
        forks = commands is KUBELESS_DESIGNS and lane.name in ("python", "php")
        try:
            started = partial(theirs, commands[lane.name]())
            with started("context") as (_, port):
                first_answer(port)
        except NotToBeHad as error:
            print(f"{lane.name}: {name} is left out: {error}")
            continue
        waiting = ("wait", "/") if commands is KUBELESS_DESIGNS else None
        yield Contender(name, started, FEW if forks else REQUESTS, waiting)


def first_answer(port: int, target: str = "/") -> None:
    """Return when the function answers; raises NotToBeHad when it does not in time."""
    ends = time.monotonic() + DEADLINE
    while not answers(port, target):
        if time.monotonic() > ends:
            raise NotToBeHad(f"it has not answered in {DEADLINE:.0f} s")
        time.sleep(0.002)


def memory(pid: int) -> float:
    """MiB of all of a server's processes, shared pages counted once (PSS)."""
    kib = 0
    for one in processes(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
    return kib / 1024


def start(contender: Contender) -> float:
    """Milliseconds from a start to the first answer of the function."""
    begun = time.perf_counter()
    with contender.started("context") as (_, port):
        first_answer(port)
        return (time.perf_counter() - begun) * 1e3


def under_load(contender: Contender) -> Iterator[float]:
    """Yield the figures of one server in the order of their columns, but the first and last."""
    with contender.started("context") as (pid, port):
        first_answer(port)
        yield memory(pid)
        asyncio.run(load(port, CONNECTIONS, contender.requests // 10))
        before = cpu(pid)
        seconds = asyncio.run(load(port, CONNECTIONS, contender.requests))
        used = cpu(pid) - before
        yield memory(pid)
        yield len(processes(pid))
        yield used / contender.requests * 1e6
        yield contender.requests / seconds


def waits(contender: Contender) -> Iterator[float]:
    """Yield milliseconds until all calls are answered that come at once, of a server that has had
    as many before; nothing for one that has no function.
    """
    if contender.waiting is not None:
        function, target = contender.waiting
        with contender.started(function) as (_, port):
            first_answer(port, target)
            for _ in range(2):
                seconds = asyncio.run(load(port, CONNECTIONS, CONNECTIONS, target))
        yield seconds * 1e3


def one_round(contender: Contender) -> Figures:
    """Return the figures of one that has just been started."""
    started = statistics.median(start(contender) for _ in range(STARTS))
    found = (started, *under_load(contender), *waits(contender))
    return dict(zip(COLUMNS, found, strict=False))


def row(name: str, rounds: list[Figures], of_ours: list[Figures]) -> list[str]:
    """Return the cells of one server."""
    cells = [name]
    for column, form in COLUMNS.items():
        if column not in rounds[0]:
            cells.append("–")
            continue
        cell = form.format(statistics.median(one[column] for one in rounds))
        pairs = zip(rounds, of_ours, strict=True)
        times = statistics.median(other[column] / one[column] for other, one in pairs)
        cells.append(cell if rounds is of_ours else f"{cell}, {times:.2g} ×")
    return cells


def table(rows: list[list[str]]) -> str:
    """Return rows with their columns in line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))} |"
        for cells in rows
    )


def measure(lane: Lane, folder: Path) -> None:
    """Print one language's table."""
    function, what = WAITING.get(lane.name, ("act", "nap"))
    waiting = (function, f"/?do={what}&file={folder}/nap&seconds={WAIT}")
    requests = FEW if lane.name == "exec" else REQUESTS
    own = Contender("ours", partial(ours, Launcher(lane, folder, folder)), requests, waiting)
    contenders = [own, *beside(lane)]
    lane.served("contract", "context", folder)  # so that no start compiles
    rounds: dict[str, list[Figures]] = {one.name: [] for one in contenders}
    for _ in range(ROUNDS):
        for one in contenders:
            rounds[one.name].append(one_round(one))
    rows = [row(name, found, rounds[own.name]) for name, found in rounds.items()]
    print(table([[lane.name, *COLUMNS], *rows]), flush=True)


def main(languages: list[str]) -> None:
    """Measure these languages, or all that the machine has; the others are named."""
    for lane in LANES:
        if languages and lane.name not in languages:
            continue
        if lane.missing is not None:
            print(f"left out: {lane.missing}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                measure(lane, Path(folder))
            except (LoadFailed, NotToBeHad) as error:
                print(f"{lane.name}: left out: {error}", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with it go the servers
    main(sys.argv[1:])
