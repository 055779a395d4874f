"""`tidegate controller` on a real API server: cold start, steady requests, memory, by size.

`python -m benchmarks.controllers [FUNCTIONS …]`, by default 125 250 500 1000. For each function
there are three triggers. The API server, etcd and the controller share this machine's cores; what
does not depend on that are the requests. No controllers of Kubernetes run: the benchmark says of
every Deployment that it is rolled out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.kube_binaries import kube_binaries
from tests.fakes.kube_server import ADMIN, KubeServer
from tests.fakes.ports import free_port
from tests.support.controllers import function_object, roll_out
from tests.support.definitions import KINDS, install
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import NAMESPACES

SIZES = (125, 250, 500, 1000)
AT_A_TIME = 8
QUIET = 3.0
"""Without anything looked at for so long, everything is done."""

STEADY = 60.0
PATIENCE = 1800.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """What /metrics said."""

    looked_at: float
    waiting: float
    requests: dict[tuple[str, str], float]

    @property
    def asked(self) -> float:
        """All requests together."""
        return sum(self.requests.values())


@dataclass(frozen=True, slots=True)
class Run:
    """One start of the controller, until it has nothing to do any more."""

    seconds: float
    requests: float
    per_minute: float
    memory: float
    """Resident, in MiB."""


class Process:
    """One `tidegate controller`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.pid = process.pid
        self._process = process
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._began = time.monotonic()

    async def scrape(self, session: aiohttp.ClientSession) -> Scrape | None:
        """Ask for its metrics; None while it starts."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the controller ended with {self._process.returncode}")
        try:
            async with session.get(self._url) as answer:
                return _read(await answer.text())
        except aiohttp.ClientError:
            return None

    async def settled(self, session: aiohttp.ClientSession) -> tuple[float, Scrape]:
        """Return when it did something last, in seconds from its start, and its metrics then."""
        last, since, at = -1.0, time.monotonic(), 0.0
        async with asyncio.timeout(PATIENCE):
            while True:
                scrape = await self.scrape(session)
                now = time.monotonic()
                if scrape is not None and (scrape.looked_at != last or scrape.waiting):
                    last, since, at = scrape.looked_at, now, now - self._began
                if scrape is not None and last > 0 and now - since > QUIET:
                    return at, scrape
                await asyncio.sleep(0.2)

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _read(text: str) -> Scrape:
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]

    def total(name: str) -> float:
        return sum(one.value for one in samples if one.name == name)

    return Scrape(
        total("tidegate_controller_reconciles_total"),
        total("tidegate_controller_queue_depth"),
        {
            (one.labels["verb"], one.labels["resource"]): one.value
            for one in samples
            if one.name == "tidegate_controller_api_requests_total"
        },
    )


@asynccontextmanager
async def controller(server: KubeServer, folder: Path) -> AsyncIterator[Process]:
    """Run one for the length of the block."""
    port = free_port()
    options = ["--kubeconfig", str(server.kubeconfig(folder / "kubeconfig")), "--home", "default"]
    options += ["--host", "127.0.0.1", "--admin-port", str(port), "--log-level", "warning"]
    command = [str(Path(sys.executable).with_name("tidegate")), "controller", *options]
    process = subprocess.Popen(command, stdout=sys.stderr)
    try:
        yield Process(process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 30)


async def measured(server: KubeServer, folder: Path, steady: float) -> Run:
    """Start a controller and return what that took."""
    async with controller(server, folder) as process, aiohttp.ClientSession() as session:
        seconds, before = await process.settled(session)
        memory = process.memory()
        began = time.monotonic()
        await asyncio.sleep(steady)
        after = await process.scrape(session)
        assert after is not None
        minutes = (time.monotonic() - began) / 60
        return Run(seconds, before.asked, (after.asked - before.asked) / minutes, memory)


async def populate(client: KubeClient, namespace: str, first: int, last: int) -> None:
    """Make functions, and three triggers for each."""

    async def make(number: int) -> None:
        function = function_object(namespace, f"f{number}")
        function["metadata"]["labels"] = {"function": f"f{number}"}
        await client.create(KINDS["Function"], function)
        for kind, spec in _triggers(f"f{number}").items():
            metadata = {"namespace": namespace, "name": f"f{number}"}
            await client.create(KINDS[kind], {"metadata": metadata, "spec": spec})

    await _each(range(first, last), make)


def _triggers(function: str) -> dict[str, dict[str, Any]]:
    selected = {"topic": "t", "functionSelector": {"matchLabels": {"function": function}}}
    return {
        "KafkaTrigger": selected,
        "NATSTrigger": selected,
        "CronJobTrigger": {"function-name": function, "schedule": "0 0 1 1 *"},
    }


async def _each(numbers: Iterable[int], work: Callable[[int], Awaitable[None]]) -> None:
    """Work on all of `numbers`, some at a time."""
    rest = iter(numbers)

    async def some() -> None:
        for number in rest:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for place in range(AT_A_TIME):
            group.create_task(some(), name=f"worker {place}")


async def main(sizes: list[int]) -> None:
    """Measure each size on the same API server, which keeps what is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = KubeServer(kube_binaries(), folder / "kube")
        await asyncio.to_thread(server.start)
        try:
            async with connected(server.access(ADMIN)) as client:
                await install(client)
                await _measure(server, folder, client, sizes)
        finally:
            await asyncio.to_thread(server.stop)


async def _measure(server: KubeServer, folder: Path, client: KubeClient, sizes: list[int]) -> None:
    namespace = "benchmark"
    await client.create(NAMESPACES, {"metadata": {"name": namespace}})
    print(f"{'functions':>9} {'start':>8} {'s':>7} {'requests':>8} {'a minute':>8} {'MiB':>5}")
    made = 0
    for size in sizes:
        await populate(client, namespace, made, size)
        fresh = await measured(server, folder, 0.0)
        await _each(
            range(made, size), lambda number: roll_out(client, ObjectKey(namespace, f"f{number}"))
        )
        told = await measured(server, folder, 0.0)
        again = await measured(server, folder, STEADY)
        for name, run in (("fresh", fresh), ("rolled", told), ("again", again)):
            print(
                f"{size:>9} {name:>8} {run.seconds:>7.1f} {run.requests:>8.0f}"
                f" {run.per_minute:>8.1f} {run.memory:>5.0f}",
                flush=True,
            )
        made = size


if __name__ == "__main__":
    asyncio.run(main([int(one) for one in sys.argv[1:]] or list(SIZES)))
