"""`tidegate controller` as a process of its own, which a test may kill or stop."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from tests.support.controllers import PATIENCE
from tidegate.kube.objects import Object

COMMAND = Path(sys.executable).with_name("tidegate")
LEASE = 4
"""Seconds until the work of a process that is killed is taken over."""


class ControllerProcess:
    """One process, found by what it logs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[str] = []
        self._news = asyncio.Event()

    async def says(self, *texts: str) -> None:
        """Return once the log has one of `texts`, or the process has ended."""
        async with asyncio.timeout(PATIENCE):
            while not any(text in line for line in self.log for text in texts):
                if self.process.returncode is not None:
                    return
                self._news.clear()
                await self._news.wait()

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process.returncode is None:
            self.process.kill()

    def stop(self) -> None:
        """Have it stand still, as a machine without a processor to spare would."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    async def ended(self) -> int:
        """Return its exit code."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def read(self) -> None:
        """Take in its log until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.log.append(_message(line.decode()))
            self._news.set()
        await self.process.wait()
        self._news.set()


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError):
        return line


def kubeconfig_of(url: str, token: str, path: Path, authority: Path | None = None) -> Path:
    """Write how to reach an API server with a token."""
    cluster: Object = {"server": url}
    if authority is not None:
        cluster["certificate-authority"] = str(authority)
    config: Object = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


@asynccontextmanager
async def controller_process(
    kubeconfig: Path, namespace: str, home: str, name: str
) -> AsyncIterator[ControllerProcess]:
    """A controller of one namespace that lives in another, for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        str(COMMAND),
        "controller",
        *("--kubeconfig", str(kubeconfig), "--name", name),
        *("--namespace", namespace, "--home", home, "--lease-duration", str(LEASE)),
        *("--host", "127.0.0.1", "--admin-port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    one = ControllerProcess(process)
    reading = asyncio.create_task(one.read(), name=f"log of {name}")
    try:
        yield one
    finally:
        one.kill()
        await reading
