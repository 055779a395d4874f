"""The front door: accepts callers' connections, within bounds, until it is drained."""

import asyncio
import socket
import time
from collections.abc import Iterable
from email.utils import formatdate

from gateway.http.front import Application, OpenConnection
from gateway.http.server_connection import ServerConnection
from gateway.http.settings import ServerSettings
from gateway.http.sweep import FOREVER, Sweep

_READ_BUFFER = 64 * 1024
# Connections beyond the limit that may be told so; more than these are reset.
_REFUSABLE = 256


class Server:
    """Serves an Application over HTTP/1.1. Start once, drain, close."""

    def __init__(self, application: Application, settings: ServerSettings | None = None) -> None:
        self.application = application
        self.settings = settings or ServerSettings()
        self.sweep = Sweep(self._expire_due, self.settings.sweep_grain)
        # Shared by all connections, since each read is consumed at once.
        self.buffer = memoryview(bytearray(_READ_BUFFER))
        self.draining = False
        self._connections: set[OpenConnection] = set()
        self._listeners: list[asyncio.Server] = []
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._bodies = 0
        self._date = b""
        self._date_second = 0

    @property
    def open_connections(self) -> int:
        """Callers' connections that are open now."""
        return len(self._connections)

    @property
    def port(self) -> int:
        """The port it listens on."""
        sockets = [one for listener in self._listeners for one in listener.sockets]
        if not sockets:
            raise RuntimeError("asking for the front door's port: it does not listen")
        return int(sockets[0].getsockname()[1])

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> None:
        """Listen. Raises OSError when the address cannot be had."""
        listener = await asyncio.get_running_loop().create_server(
            lambda: ServerConnection(self),
            host,
            port,
            backlog=self.settings.backlog,
            reuse_port=reuse_port or None,
        )
        self._listeners.append(listener)

    async def listen(self, sockets: Iterable[socket.socket]) -> None:
        """Listen on sockets that somebody else has bound; they are closed with this server."""
        for one in sockets:
            listener = await asyncio.get_running_loop().create_server(
                lambda: ServerConnection(self), sock=one, backlog=self.settings.backlog
            )
            self._listeners.append(listener)

    async def drain(self) -> None:
        """Accept no more, close idle connections, and return when the last answer is out.

        Answers that are still to come say `Connection: close`. Cancel it when time is up, and
        close.
        """
        self.draining = True
        self._stop_listening()
        for connection in list(self._connections):
            if connection.idle:
                connection.close()
        await self._emptied.wait()

    async def close(self) -> None:
        """Cut off whoever is left. May be repeated."""
        self.draining = True
        self._stop_listening()
        for connection in list(self._connections):
            connection.abort()
        await self._emptied.wait()
        self.sweep.stop()

    def opened(self, connection: OpenConnection) -> bool:
        """Count a connection; false when it is one too many and must be refused."""
        self._connections.add(connection)
        self._emptied.clear()
        excess = len(self._connections) - self.settings.max_connections
        if excess > _REFUSABLE:
            connection.abort()
        return excess <= 0

    def lost(self, connection: OpenConnection) -> None:
        """Forget a connection that is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._emptied.set()

    def reserve(self, size: int) -> bool:
        """Account for bytes of bodies in memory; false when there would be too many."""
        if self._bodies + size > self.settings.max_bodies:
            return False
        self._bodies += size
        return True

    def date_line(self) -> bytes:
        """The Date header line, made once a second."""
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self._date = b"date: %b\r\n" % formatdate(second, usegmt=True).encode("ascii")
        return self._date

    def _stop_listening(self) -> None:
        while self._listeners:
            self._listeners.pop().close()

    def _expire_due(self, now: float) -> float:
        for connection in [each for each in self._connections if each.deadline <= now]:
            connection.expire()
        return min((each.deadline for each in self._connections), default=FOREVER)
