"""How long the command line takes to start, beside the interpreter alone.

`python -m benchmarks.command_line [RUNS]` prints milliseconds from start to exit of the whole
process, and CPU: of `python -c pass`, of `tidegate version`, and of `tidegate function list` beside
a real kube-apiserver on loopback with a hundred Functions.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.kube_binaries import kube_binaries
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import KubeServer
from tests.support.controllers import function_object
from tests.support.definitions import install
from tidegate.cli.place.kinds import FUNCTIONS
from tidegate.kube.client import connected

RUNS = 15
LISTED = 100
PROGRAM = "import sys; from tidegate.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of each run."""

    wall: list[float]
    cpu: list[float]

    def __str__(self) -> str:
        shown = (f"{one * 1000:7.0f}" for one in (*_spread(self.wall), *_spread(self.cpu)))
        return " ".join(shown)


def _spread(figures: Sequence[float]) -> tuple[float, float]:
    return min(figures), statistics.median(figures)


def timed(arguments: Sequence[str], environment: Mapping[str, str], runs: int) -> Figures:
    """Run a command again and again; the first run is not counted: it writes bytecode."""
    figures = Figures([], [])
    for number in range(runs + 1):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(arguments, env=environment, stdout=subprocess.DEVNULL, check=True)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if number:
            figures.wall.append(wall)
            figures.cpu.append(_cpu(after) - _cpu(before))
    return figures


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


async def _filled(server: KubeServer) -> str:
    """Make a namespace with Functions in it and return its name."""
    async with connected(server.access()) as client:
        await install(client)
        namespace = await new_namespace(client)
        for number in range(LISTED):
            await client.create(FUNCTIONS, function_object(namespace, f"hello-{number}"))
        return namespace


def main() -> None:
    """Print a line for each command."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory() as folder:
        server = KubeServer(kube_binaries(), Path(folder) / "kube")
        server.start()
        try:
            namespace = asyncio.run(_filled(server))
            config = server.kubeconfig(Path(folder) / "kubeconfig")
            _compare(namespace, {**os.environ, "KUBECONFIG": str(config)}, runs)
        finally:
            server.stop()


def _compare(namespace: str, environment: Mapping[str, str], runs: int) -> None:
    listing = ["function", "list", "-n", namespace, "--context", "token"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "tidegate version": [sys.executable, "-c", PROGRAM, "version"],
        "tidegate function list": [sys.executable, "-c", PROGRAM, *listing],
    }
    print(f"{'milliseconds':24} {'wall min':>8} {'median':>7} {'CPU min':>7} {'median':>7}")
    for title, arguments in commands.items():
        print(f"{title:24}  {timed(arguments, environment, runs)}")


if __name__ == "__main__":
    main()
