"""By which names a laptop answers: a web page that rebinds a name of its own finds nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from aiohttp import web

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
PROBES: Final = frozenset({"/livez", "/readyz"})
"""They say nothing of what runs; who asks for them may call us as they like."""

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Hosts:
    """The Host headers of those who mean us. `listening` are the addresses of `--host`."""

    def __init__(self, listening: Iterable[str] = ()) -> None:
        named = frozenset(listening)
        self._names = LOOPBACK_NAMES | named
        self._on_loopback = all(map(_is_loopback, named))

    def holds(self, host: str) -> bool:
        """Tell whether a Host header names loopback or the address of `--host`."""
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return name.lower() in self._names

    def protect(self, application: web.Application) -> None:
        """Refuse other Hosts, but for probes.

        Who listens on another address than loopback is called by names that nobody knows here,
        such as that of a container, and is open to all who reach it.
        """
        if self._on_loopback:
            application.middlewares.append(self._guard())

    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Serve) -> web.StreamResponse:
            if request.path in PROBES or self.holds(request.headers.get("Host", "")):
                return await handler(request)
            sentence = (
                "this `tidegate up` answers to the names 127.0.0.1, localhost and [::1] alone"
            )
            return web.Response(status=403, text=sentence)

        return guard


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
