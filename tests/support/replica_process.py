"""`tidegate gateway` as a process of its own, which a test may kill."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

COMMAND = Path(sys.executable).with_name("tidegate")
PATIENCE = 60.0


class ReplicaProcess:
    """One process, found by what it logs."""

    def __init__(self, process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
        self.process = process
        self.log: list[str] = []
        self._session = session
        self._news = asyncio.Event()

    @property
    def admin(self) -> str:
        """Where its health is."""
        line = next(one for one in self.log if "metrics on port" in one)
        return f"http://127.0.0.1:{line.rpartition(' ')[2]}"

    async def says(self, text: str) -> None:
        """Return once the log has `text`."""
        async with asyncio.timeout(PATIENCE):
            while not any(text in line for line in self.log):
                assert self.process.returncode is None, self.log
                self._news.clear()
                await self._news.wait()

    async def triggers(self) -> set[str]:
        """Return the names of the triggers that are at work there."""
        return {row["name"] for row in await self.rows() if row["state"] == "Running"}

    async def rows(self) -> list[dict[str, Any]]:
        """Return what it reports."""
        async with self._session.get(f"{self.admin}/subscriptions") as response:
            rows: list[dict[str, Any]] = await response.json()
            return rows

    async def until_runs(self, triggers: set[str]) -> None:
        """Return once exactly `triggers` are at work there."""
        async with asyncio.timeout(PATIENCE):
            while await self.triggers() != triggers:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()

    async def end(self) -> int:
        """Tell it to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def read(self) -> None:
        """Take in its log until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.log.append(_message(line.decode()))
            self._news.set()
        self._news.set()


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError):
        return line


@asynccontextmanager
async def replica_process(
    kubeconfig: Path, namespace: str, name: str, *flags: str
) -> AsyncIterator[ReplicaProcess]:
    """A replica that follows one namespace and lives in it, until it is ready and beyond."""
    process = await asyncio.create_subprocess_exec(
        str(COMMAND),
        "gateway",
        *("--kubeconfig", str(kubeconfig), "--name", name),
        *("--namespace", namespace, "--home", namespace),
        *("--host", "127.0.0.1", "--port", "0", "--admin-port", "0"),
        *("--lease", "5", "--endpoints-lag", "0", *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with aiohttp.ClientSession() as session:
        replica = ReplicaProcess(process, session)
        reading = asyncio.create_task(replica.read(), name=f"log of {name}")
        try:
            await replica.says(": ready")
            yield replica
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading
