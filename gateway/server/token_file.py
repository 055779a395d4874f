"""Who may operate a gateway of a cluster: whoever has the token of a mounted Secret."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from gateway.server.answers import error_answer

logger = logging.getLogger(__name__)

TOKEN_HEADER = "tidegate-token"
"""Not `Authorization`: the API server, whose proxy requests may come through, keeps that one."""

LONGEST = 4096
"""Bytes of a token."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TokenFile:
    """Compares what a request shows with a file, which is read anew for each request.

    A Secret that is made or changed while we run is mounted into the same place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve who shows the token; answer 403 to all others."""
        wanted = await asyncio.to_thread(self._read)
        if not wanted:
            sentence = (
                f"operations are closed: there is no token in {self._path}; the Secret "
                "tidegate-admin belongs there, and comes within two minutes of an installation"
            )
            return error_answer("forbidden", 403, sentence)
        given = request.headers.get(TOKEN_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, wanted):
            sentence = f"the header {TOKEN_HEADER} is not the token of the Secret tidegate-admin"
            return error_answer("forbidden", 403, sentence)
        return await handler(request)

    def _read(self) -> bytes:
        """Return the token; nothing when there is none, or none that can be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(LONGEST).strip()
        except FileNotFoundError:
            return b""
        except OSError as error:
            logger.warning("operations: cannot read the token: %s", error)
            return b""
