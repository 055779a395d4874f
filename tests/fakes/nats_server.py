"""A real nats-server on a free port, which tests may kill, stop and start again."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.fakes.ports import free_port
from tests.fakes.processes import freeze

BINARY = Path(sys.executable).with_name("nats-server")


class NatsServer:
    """One server. It keeps its port and its store over `kill` and `start`.

    `config` is text of the server's configuration language, for accounts and TLS.
    """

    def __init__(self, folder: Path, *, jetstream: bool = True, config: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self._jetstream = jetstream
        self._config = config
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the process and return when it greets."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "server.conf"
        path.write_text(self._text())
        log = (self.folder / "server.log").open("ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                str(BINARY), "-c", str(path), stdout=log, stderr=log
            )
        finally:
            log.close()
        await self._greeted()

    def kill(self) -> None:
        """End the process as a crash would."""
        assert self._process is not None
        self._process.kill()

    def freeze(self) -> None:
        """Stop the process without ending it: connections stay and nothing answers."""
        assert self._process is not None
        freeze(self._process.pid)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def ended(self) -> None:
        """Wait for the end of a process that was told to."""
        assert self._process is not None
        async with asyncio.timeout(10):
            await self._process.wait()

    async def stop(self) -> None:
        """End the process if it runs, and wait for it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self.ended()

    async def restart(self, pause: float = 0.0) -> None:
        """Kill the server, stay away for `pause` seconds, and come back with the same store."""
        self.kill()
        await self.ended()
        await asyncio.sleep(pause)
        await self.start()

    def _text(self) -> str:
        lines = ['host: "127.0.0.1"', f"port: {self.port}", self._config]
        if self._jetstream:
            lines.append(f'jetstream {{ store_dir: "{self.folder / "store"}" }}')
        return "\n".join(lines) + "\n"

    async def _greeted(self) -> None:
        async with asyncio.timeout(10):
            while not await self._greets():
                assert self._process is not None
                if self._process.returncode is not None:
                    raise RuntimeError((self.folder / "server.log").read_text())
                await asyncio.sleep(0.01)  # the server tells nobody when it listens

    async def _greets(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO")
        except OSError:
            return False
        finally:
            writer.close()
