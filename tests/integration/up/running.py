"""A real `tidegate up` process on free ports, and the command line beside it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.ended import ended, killed_at_last

PATIENCE = 40.0
PROGRAM = (sys.executable, "-c", "import sys; from tidegate.cli import main; sys.exit(main())")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


async def tidegate(*arguments: str, cwd: Path, timeout: float = PATIENCE) -> Answer:
    """Run the command to its end."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, cwd=cwd, env=environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err, code = await ended(process, timeout)
    return Answer(code, out.decode(), err.decode())


def environment() -> dict[str, str]:
    """Return our environment with the sources on the path and no state folder of the user's."""
    kept = {name: value for name, value in os.environ.items() if name != "TIDEGATE_STATE"}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[3]), "COLUMNS": "80"}


class Up:
    """One running `tidegate up`."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.folder = folder
        self.process = process
        self.log_file = folder / "up.log"

    @property
    def log(self) -> str:
        """Everything it printed."""
        return self.log_file.read_text(errors="replace")

    @property
    def contact(self) -> dict[str, Any]:
        """What it wrote for the other verbs."""
        loaded: dict[str, Any] = json.loads((self.folder / ".tidegate" / "up.json").read_text())
        return loaded

    @property
    def pid(self) -> int:
        """The process that can be reached; 0 for none."""
        try:
            return int(self.contact["pid"])
        except FileNotFoundError:
            return 0

    @property
    def url(self) -> str:
        """The front door."""
        return str(self.contact["front"])

    async def command(self, *arguments: str) -> Answer:
        """Run another verb beside it."""
        return await tidegate(*arguments, cwd=self.folder)

    @asynccontextmanager
    async def command_that_lasts(self, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
        """Run another verb beside it for the length of the block, and yield what it prints."""
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, *arguments, cwd=self.folder, env=environment(),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def control(self, path: str) -> Any:
        """Read from the control API."""
        contact = self.contact
        headers = {"Authorization": f"Bearer {contact['token']}"}
        url = f"{contact['admin']}/control{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return await answer.json()

    async def trigger(self, name: str) -> dict[str, Any]:
        """Return the row of one trigger."""
        return next(row for row in await self.control("/triggers") if row["trigger"] == name)

    async def until(self, happened: Callable[[], object], timeout: float = PATIENCE) -> None:
        """Wait for something that only shows outside; fails with the log."""
        try:
            async with asyncio.timeout(timeout):
                while not happened():
                    assert self.process.returncode is None, self.log
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"it did not happen; the log says:\n{self.log}") from None

    async def says(self, text: str, timeout: float = PATIENCE) -> None:
        """Wait for words in its output."""
        await self.until(lambda: text in self.log, timeout)

    async def counts(self, name: str, **wanted: int) -> dict[str, Any]:
        """Wait until a trigger's books have these numbers, and return them."""
        row: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    row = await self.trigger(name)
                    if all(row[field] == count for field, count in wanted.items()):
                        return row
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{wanted} did not come: {row}\n{self.log}") from None

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, wait for that and return its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


@asynccontextmanager
async def running(
    folder: Path, *arguments: str, paths: tuple[Path, ...] | None = None
) -> AsyncIterator[Up]:
    """Run `tidegate up` in `folder`; at the end it must stop in order and its books balance."""
    process = await start(folder, *arguments, paths=paths)
    up = Up(folder, process)
    async with killed_at_last(process):
        await up.until(lambda: up.pid == process.pid)
        yield up
        if process.returncode is None:
            assert await up.stop() == 0, up.log
            assert "; drift 0" in up.log


async def start(
    folder: Path, *arguments: str, paths: tuple[Path, ...] | None = None
) -> asyncio.subprocess.Process:
    """Start the process, its output going to `up.log`."""
    manifests = [str(path) for path in paths] if paths is not None else ["."]
    with (folder / "up.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *PROGRAM, "up", *manifests, "--port", "0", "--admin-port", "0", *arguments,
            cwd=folder, env=environment(), stdout=log, stderr=log,
        )  # fmt: skip
