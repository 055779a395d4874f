"""`tidegate up` as a user runs it: start, idle memory, and events per second to a Python function.

`python -m benchmarks.laptop [EVENTS [WORKERS]]`. The load generator, the gateway, nats-server and
the function share this machine's cores; beside the rates stands the CPU that each process took for
an event, which other load on the machine moves far less.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import nats
import uvloop

from gateway.http.client import Pool, PoolSettings

STARTS = 5
IN_FLIGHT = 32
PATIENCE = 120.0
KINDS = {"nats-server": "nats", "gateway.workers": "gateway"}
TICK = os.sysconf("SC_CLK_TCK")

FUNCTION = """\
apiVersion: kubeless.io/v1beta1
kind: Function
metadata: {{name: {name}, labels: {{function: {name}}}}}
spec:
  runtime: python3.11
  handler: {name}.run
  function: |
    {code}
---
apiVersion: kubeless.io/v1beta1
kind: HTTPTrigger
metadata: {{name: {name}-http}}
spec: {{function-name: {name}, path: /{name}}}
---
apiVersion: kubeless.io/v1beta1
kind: NATSTrigger
metadata: {{name: {name}-core}}
spec: {{topic: core.{name}, functionSelector: {{matchLabels: {{function: {name}}}}}}}
---
apiVersion: kubeless.io/v1beta1
kind: NATSTrigger
metadata: {{name: {name}-stream}}
spec:
  topic: stream.{name}
  functionSelector: {{matchLabels: {{function: {name}}}}}
  jetstream: {{stream: {name}, createStream: true}}
"""
FUNCTIONS = {
    "plain": "def run(event, context): return 'ok'",
    "coro": "async def run(event, context): return 'ok'",
}


@dataclass(frozen=True, slots=True)
class Up:
    """A running `tidegate up`."""

    pid: int
    contact: dict[str, Any]
    session: aiohttp.ClientSession

    @property
    def front(self) -> tuple[str, int]:
        host, _, port = str(self.contact["front"]).rpartition("/")[2].rpartition(":")
        return host, int(port)

    async def delivered(self, trigger: str) -> int:
        """Return how many events of `trigger` were delivered; -1 before it is there."""
        async with self.session.get(f"{self.contact['admin']}/subscriptions") as answer:
            rows = await answer.json()
        found = (row["delivered"] for row in rows if row["trigger"] == trigger)
        return int(next(found, -1))

    async def until_delivered(self, trigger: str, count: int) -> None:
        """Return when `trigger` has delivered `count` events."""
        async with asyncio.timeout(PATIENCE):
            while await self.delivered(trigger) < count:
                await asyncio.sleep(0.05)

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds of the process and of each kind of its children."""
        seconds = {"gateway": _cpu_of(self.pid)}
        for pid, command in _descendants(self.pid):
            kind = next((name for word, name in KINDS.items() if word in command), "function")
            seconds[kind] = seconds.get(kind, 0.0) + _cpu_of(pid)
        return seconds


@asynccontextmanager
async def running(folder: Path, workers: int = 1) -> AsyncIterator[Up]:
    """Run `tidegate up` on the manifests in `folder`."""
    command = "import sys; from tidegate.cli import main; sys.exit(main())"
    options = ["up", str(folder), "--port", "0", "--admin-port", "0", "--state", str(folder / "s")]
    options += ["--workers", str(workers)]
    contact = folder / "s" / "up.json"
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([sys.executable, "-c", command, *options], stdout=log, stderr=log) as up,
    ):
        try:
            while not contact.exists():
                await asyncio.sleep(0.005)
            async with aiohttp.ClientSession() as session:
                yield Up(up.pid, json.loads(contact.read_text()), session)
        finally:
            up.terminate()


async def first_answer(folder: Path) -> float:
    """Return the seconds from the start of `tidegate up` to the first answered call."""
    started = time.perf_counter()
    async with running(folder) as up:
        await ready(up, "plain")
        return time.perf_counter() - started


async def ready(up: Up, function: str) -> None:
    """Return when `function` has answered a call."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                async with up.session.get(f"{up.contact['front']}/{function}") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.005)


async def http(up: Up, function: str, events: int) -> None:
    """Call `function` over HTTP, `IN_FLIGHT` at a time."""
    pool = Pool(*up.front, PoolSettings(max_connections=IN_FLIGHT))
    head = b"POST /%b HTTP/1.1\r\nhost: bench\r\ncontent-length: 2\r\n\r\n" % function.encode()
    numbers = iter(range(events))
    loop = asyncio.get_running_loop()

    async def caller() -> None:
        for _ in numbers:
            response = await pool.request(head, b"{}", loop.time() + PATIENCE)
            assert response.status == 200, response.body

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(caller())
    await pool.close()


async def over_nats(up: Up, function: str, kind: str, events: int) -> None:
    """Publish to `function` and wait until all was delivered."""
    trigger = f"{function}-{kind}"
    before = await up.delivered(trigger)
    client = await nats.connect(up.contact["nats"])
    for number in range(events):
        await client.publish(f"{kind}.{function}", b"{}")
        if kind == "core" and number % 200 == 199:
            await up.until_delivered(trigger, before + number - 500)
    await client.flush()
    await up.until_delivered(trigger, before + events)
    await client.close()


async def measured(up: Up, name: str, load: Callable[[int], Awaitable[None]], events: int) -> str:
    """Run `load` once to warm up and once to measure; return a line of the table."""
    await load(events // 10)
    before, started = up.cpu(), time.perf_counter()
    await load(events)
    elapsed, after = time.perf_counter() - started, up.cpu()
    shares = ", ".join(
        f"{kind} {(after[kind] - before.get(kind, 0)) / events * 1e6:.0f}" for kind in after
    )
    return f"{name:<28}{events / elapsed:>10,.0f} events/s   CPU µs/event: {shares}"


async def main(events: int, workers: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for function, code in FUNCTIONS.items():
            (folder / f"{function}.yaml").write_text(FUNCTION.format(name=function, code=code))
        starts = [await first_answer(folder) for _ in range(STARTS)]
        print(f"start to first answered call: {statistics.median(starts):.2f} s (of {STARTS})")
        async with running(folder, workers) as up:
            for function in FUNCTIONS:
                await ready(up, function)
            print(f"memory of the process: {_memory_of(up.pid):.0f} MiB (all planes, idle)")
            for function in FUNCTIONS:
                loads = {
                    f"HTTP -> {function}": lambda n, f=function: http(up, f, n),
                    f"NATS core -> {function}": lambda n, f=function: over_nats(up, f, "core", n),
                    f"JetStream -> {function}": lambda n, f=function: over_nats(up, f, "stream", n),
                }
                for title, load in loads.items():
                    print(await measured(up, title, load, events), flush=True)


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def _memory_of(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _descendants(pid: int) -> Iterator[tuple[int, str]]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            yield child, command
            yield from _descendants(child)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:3]]
    uvloop.run(main(*[*numbers, *(20_000, 1)[len(numbers) :]]))
