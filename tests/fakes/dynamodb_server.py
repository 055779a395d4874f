"""A DynamoDB emulator on a free port of loopback."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.fakes.installed import python_package
from tests.fakes.nats_server import free_port

REQUIREMENT = "ministack==1.5.33"
"""In an environment of its own: it pins a botocore that is not the one of our client."""


class DynamoDbServer:
    """One emulator; its tables last as long as it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the process and return when it listens."""
        environment = await asyncio.to_thread(python_package, REQUIREMENT)
        self.folder.mkdir(parents=True, exist_ok=True)
        ours = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port)}
        with (self.folder / "dynamodb.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(environment / "bin/python"),
                "-m",
                "ministack",
                cwd=self.folder,
                env={**os.environ, **ours},
                stdout=log,
                stderr=log,
            )
        await self._listening()

    async def stop(self) -> None:
        """End the process and wait for it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            async with asyncio.timeout(10):
                await self._process.wait()

    async def _listening(self) -> None:
        async with asyncio.timeout(20):
            while not await self._answers():
                assert self._process is not None
                if self._process.returncode is not None:
                    raise RuntimeError((self.folder / "dynamodb.log").read_text())
                await asyncio.sleep(0.02)  # the server tells nobody when it listens

    async def _answers(self) -> bool:
        """Whether it answers a request: it takes connections some time before."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            return (await reader.readline()).startswith(b"HTTP/")
        except OSError:
            return False
        finally:
            writer.close()
