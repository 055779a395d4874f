"""Where dead letters go, and which orders they hold."""

from __future__ import annotations

import socket
from pathlib import Path

from aiohttp import web

from gateway.letters.lines import letter_from_line
from tests.faults.orders import Order, order_from_payload
from tidegate.api.subscription import DeadLetter

NAME = "dead.jsonl"


class FileTarget:
    """A file for each gateway, below `folder`: one process at a time may write to a file."""

    dead_letter = DeadLetter("file", NAME)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def written(self) -> list[Order]:
        """Return what all letters are about; a line that a crash cut off is none."""
        lines = (
            line
            for path in self.folder.glob(f"*/{NAME}*")
            if not path.name.endswith(".lock")
            for line in path.read_bytes().splitlines()
        )
        letters = (letter_from_line(line) for line in lines)
        return [order_from_payload(one.event.data or b"") for one in letters if one is not None]


class HttpTarget:
    """A server that is away at first: its port is taken, and nobody listens there."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._letters: list[Order] = []
        self._runner = web.ServerRunner(web.Server(self._take, access_log=None))
        port = self._socket.getsockname()[1]
        self.dead_letter = DeadLetter("http", f"http://127.0.0.1:{port}/")

    async def start(self) -> None:
        """Take letters."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def close(self) -> None:
        """Stop, and give the port back."""
        await self._runner.cleanup()
        self._socket.close()

    def written(self) -> list[Order]:
        """Return what all letters are about."""
        return self._letters

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        self._letters.append(order_from_payload(await request.read()))
        return web.Response()
