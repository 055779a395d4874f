"""A real nats-server on a free port, which tests may kill, stop and start again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fakes.processes import ServerProcess
from tidegate.cli.up.nats_server import greets

BINARY = Path(sys.executable).with_name("nats-server")


class NatsServer(ServerProcess):
    """One server. It keeps its port and its store over `kill` and `start`.

    `config` is text of the server's configuration language, for accounts and TLS.
    """

    def __init__(self, folder: Path, *, jetstream: bool = True, config: str = "") -> None:
        super().__init__(folder)
        self._jetstream = jetstream
        self._config = config

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self.port}"

    async def command(self) -> Sequence[str]:
        path = self.folder / "server.conf"
        path.write_text(self._text())
        return [str(BINARY), "-c", str(path)]

    async def answers(self) -> bool:
        """Say whether it greets."""
        return await greets(self.port)

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
