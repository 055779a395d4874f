"""The front door's sockets: one for each worker on one port, opened and kept by the parent.

The system shares new connections out among them (SO_REUSEPORT). What has come to the socket of a
worker that died waits there for the next one.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from gateway.http.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class Place:
    """One address of the front door."""

    family: socket.AddressFamily
    address: tuple[Any, ...]


async def found(host: str, port: int) -> list[Place]:
    """Return the addresses that `host` and `port` name, the port chosen if it is 0.

    Raises OSError where somebody listens: the system would let two gateways of one user share a
    port, and each would get a part of the other's calls.
    """
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    places: list[Place] = []
    for family, _, _, _, address in dict.fromkeys(answers):
        try:
            with _bound(Place(family, (address[0], port, *address[2:])), share=False) as probe:
                name = probe.getsockname()
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT:
                continue  # a machine without IPv6
            raise
        places.append(Place(family, name))
        port = name[1]
    return places


def listening(places: list[Place]) -> list[socket.socket]:
    """Return one more set of sockets that take connections. Raises OSError."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(_bound(place, share=True)) for place in places]
        for one in sockets:
            one.listen(ServerSettings().backlog)
        stack.pop_all()
    return sockets


def _bound(place: Place, *, share: bool) -> socket.socket:
    one = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if place.family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(place.address)
    except BaseException:
        one.close()
        raise
    return one
