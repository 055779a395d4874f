"""A laptop with functions on it, and ways to wait for what happens there."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp

from controllers.desired.code import Code
from controllers.desired.local import FunctionKey, LocalFunction
from controllers.local.functions import LocalFunctions
from controllers.local.logs import LogLine
from controllers.local.settings import LocalSettings, ProcessSettings
from controllers.local.status import Address, FunctionStatus
from runtimes import catalog
from runtimes.runtime import Choice

KEY = ("default", "hello")
PATIENCE = 80.0
"""Seconds; the longest wait is for an installation, which computes all the time."""

FAST = ProcessSettings(probe_interval=0.1, probe_timeout=0.5, start_timeout=10.0)


def function(body: str = "return 'hello'", **fields: object) -> LocalFunction:
    """Return default/hello with a handler of this body."""
    text = f"def main(event, context):\n    {body}\n"
    values: dict[str, object] = {
        "namespace": "default",
        "name": "hello",
        "runtime": "python3.11",
        "handler": "hello.main",
        "code": Code(text),
        "timeout": 5.0,
    }
    return LocalFunction(**(values | fields))  # type: ignore[arg-type]  # a test's own fields


@dataclass
class Laptop:
    """LocalFunctions with everything they tell recorded."""

    functions: LocalFunctions
    session: aiohttp.ClientSession
    task: asyncio.Task[None]
    entries: dict[tuple[str, str, str], Mapping[str, bytes]] = field(default_factory=dict)
    endpoints: dict[FunctionKey, tuple[Address, ...]] = field(default_factory=dict)
    history: list[tuple[Address, ...]] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def on_endpoints(self, key: FunctionKey, addresses: tuple[Address, ...]) -> None:
        self.endpoints[key] = addresses
        self.history.append(addresses)
        self.news.set()

    def on_log(self, line: LogLine) -> None:
        self.lines.append(line)
        self.news.set()

    def status(self, key: FunctionKey = KEY) -> FunctionStatus:
        """Return the status of one function."""
        return next(status for status in self.functions.status() if status.key == key)

    def printed(self, text: str) -> bool:
        """Tell whether a line has `text` in it."""
        return any(text in line.text for line in self.lines)

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait for something that comes with an address or a line."""
        async with asyncio.timeout(PATIENCE):
            while not happened():
                self.news.clear()
                await self.news.wait()

    async def ready(self, count: int = 1, key: FunctionKey = KEY) -> tuple[Address, ...]:
        """Wait until `count` processes take calls."""
        await self.until(lambda: len(self.endpoints.get(key, ())) == count)
        return self.endpoints[key]

    async def changed(self, old: tuple[Address, ...]) -> tuple[Address, ...]:
        """Wait until other addresses take calls."""
        await self.until(lambda: self.endpoints.get(KEY) and self.endpoints[KEY] != old)
        return self.endpoints[KEY]

    async def call(self, address: Address | None = None) -> str:
        """Call default/hello and return what it says; raises when that is not a success."""
        host, port = address or self.endpoints[KEY][0]
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        url = f"http://{host}:{port}/"
        async with self.session.get(url, timeout=timeout, raise_for_status=True) as response:
            return await response.text()

    async def stop(self) -> None:
        """Cancel the run and wait for its end."""
        self.task.cancel()
        await asyncio.wait([self.task])


@asynccontextmanager
async def running(settings: LocalSettings, server: Path | None = None) -> AsyncIterator[Laptop]:
    """Yield a laptop and stop it afterwards."""

    def find(name: str) -> Choice:
        choice = catalog.find(name)
        return choice if server is None else replace_server(choice, server)

    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        functions = LocalFunctions(
            settings,
            lambda key, addresses: laptop.on_endpoints(key, addresses),
            lambda line: laptop.on_log(line),
            lambda *name: laptop.entries.get(name),
            find,
        )
        task = asyncio.create_task(functions.run(), name="local functions")
        laptop = Laptop(functions, session, task)
        yield laptop
        await laptop.stop()


def replace_server(choice: Choice, server: Path) -> Choice:
    """Return the runtime with another server."""
    return Choice(replace(choice.runtime, command=(choice.runtime.command[0], str(server))))


def alive(pid: int) -> bool:
    """Tell whether any process of the group of `pid` is there."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pids: list[int]) -> None:
    """Wait for processes that are not our children, which nothing tells us of."""
    deadline = time.monotonic() + PATIENCE
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still there: {pids}"
        time.sleep(0.02)
