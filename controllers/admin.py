"""Health and metrics of the controllers, for operators and for Kubernetes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiohttp import web


class Health(Protocol):
    """What the admin server asks of the controllers."""

    def waits_for(self) -> list[str]:
        """Return what is missing before work can be done here; empty when nothing is."""
        ...

    def metrics(self) -> Callable[[], bytes]:
        """Read the metrics now; the result puts them in Prometheus's text format, in any thread."""
        ...


class Admin:
    """`/livez`, `/readyz` and `/metrics` on a port of their own.

    Live is whoever answers: nothing that a restart would mend goes on without ending the process.
    """

    def __init__(self, health: Health) -> None:
        self._health = health
        application = web.Application()
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=2.0)
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError when the address cannot be had."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _readyz(self, _: web.Request) -> web.Response:
        missing = self._health.waits_for()
        return web.Response(status=503 if missing else 200, text="\n".join(missing) or "ok")

    async def _metrics(self, _: web.Request) -> web.Response:
        body = await asyncio.to_thread(self._health.metrics())
        return web.Response(body=body, headers={"content-type": "text/plain; version=0.0.4"})
