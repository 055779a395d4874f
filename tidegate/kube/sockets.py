"""The sockets of one client: they notice dead peers, and none outlives the client.

A TLS connection whose request is given up is closed politely: it waits for the peer's word, up to
30 s, and neither aiohttp nor its caller knows of it any more. So they are counted here.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import aiohttp

_KEEP_ALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 5, "TCP_USER_TIMEOUT": 40_000}

_CLOSING = 1.0
"""Seconds for the loop to close what has been cut; it takes a few turns."""


class _Socket(socket.socket):
    """A socket that says when it is closed."""

    closed: Callable[[_Socket], None] | None = None

    def close(self) -> None:
        super().close()
        if self.closed is not None:
            self.closed(self)


class Sockets:
    """Makes sockets, and knows those that are open."""

    def __init__(self) -> None:
        self._open: set[_Socket] = set()
        self._changed = asyncio.Event()

    def make(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """Make one that notices within 40 s that its peer is gone, also while nothing is sent."""
        made = _Socket(*address[:3])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            option = getattr(socket, name, None)  # not every system has each of them
            if option is not None:
                made.setsockopt(socket.IPPROTO_TCP, option, value)
        made.closed = self._forget
        self._open.add(made)
        return made

    async def cut(self) -> None:
        """End all that are open, and return when they are closed."""
        for each in self._open:
            with suppress(OSError):  # it is not connected, or not any more
                each.shutdown(socket.SHUT_RDWR)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                while self._open:
                    self._changed.clear()
                    await self._changed.wait()

    def _forget(self, closed: _Socket) -> None:
        self._open.discard(closed)
        self._changed.set()
