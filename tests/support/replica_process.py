"""`tidegate gateway` as a process of its own, which a test may kill."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.logged_process import PATIENCE, LoggedProcess


class ReplicaProcess(LoggedProcess):
    """A gateway, which is asked what it does."""

    @property
    def admin(self) -> str:
        """Where its health is."""
        line = next(one for one in self.log if "metrics on port" in one)
        return f"http://127.0.0.1:{line.rpartition(' ')[2]}"

    async def says(self, text: str) -> None:
        """Return once the log has `text`."""
        assert await self.said(text), self.log

    async def triggers(self) -> set[str]:
        """Return the names of the triggers that are at work there."""
        return {row["name"] for row in await self.rows() if row["state"] == "Running"}

    async def rows(self) -> list[dict[str, Any]]:
        """Return what it reports."""
        url = f"{self.admin}/subscriptions"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            rows: list[dict[str, Any]] = await response.json()
            return rows

    async def until_runs(self, triggers: set[str]) -> None:
        """Return once exactly `triggers` are at work there."""
        async with asyncio.timeout(PATIENCE):
            while await self.triggers() != triggers:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)

    async def end(self) -> int:
        """Tell it to stop, and return its exit code."""
        self.send(signal.SIGTERM)
        return await self.ended()


@asynccontextmanager
async def replica_process(
    kubeconfig: Path, namespace: str, name: str, *flags: str
) -> AsyncIterator[ReplicaProcess]:
    """A replica that follows one namespace and lives in it, until it is ready and beyond."""
    replica = await ReplicaProcess.started(
        "gateway",
        *("--kubeconfig", str(kubeconfig), "--name", name),
        *("--namespace", namespace, "--home", namespace),
        *("--host", "127.0.0.1", "--port", "0", "--admin-port", "0"),
        *("--lease", "5", "--endpoints-lag", "0", *flags),
    )
    reading = asyncio.create_task(replica.read(), name=f"log of {name}")
    try:
        await replica.says(": ready")
        yield replica
    finally:
        replica.kill()
        await reading
