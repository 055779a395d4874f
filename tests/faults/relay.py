"""A way to a server that can be cut: connections die, and new ones are refused."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.fakes.ports import free_port

_CHUNK = 1 << 16


class Relay:
    """Passes bytes between a port of its own and another one of loopback."""

    def __init__(self) -> None:
        self.port = free_port()
        self._upstream = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def join(self, upstream: int) -> None:
        """Take connections for the port `upstream`."""
        self._upstream = upstream
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Take none any more, and break those that there are."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in self._writers:
            writer.transport.abort()
        if server is not None:
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            inside, outside = await asyncio.open_connection("127.0.0.1", self._upstream)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, outside), name="relay: there")
                group.create_task(self._pass_on(inside, writer), name="relay: back")

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(OSError):
                while chunk := await reader.read(_CHUNK):
                    writer.write(chunk)
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()
