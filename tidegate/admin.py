"""How operators and Kubernetes ask a process of either plane for its health and its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiohttp import web


class Measured(Protocol):
    """What has metrics."""

    def metrics(self) -> Callable[[], bytes]:
        """Read the metrics now; the result puts them in Prometheus's text format, in any thread."""
        ...


class AdminServer:
    """`/metrics`, and what else is added before `start`, on a port of their own."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        self.application = web.Application()
        self.application.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(self.application, access_log=None, shutdown_timeout=2.0)
        self.port = 0

    def add_probe(self, path: str, problems: Callable[[], list[str]]) -> None:
        """Let `path` answer 200 while there are no problems, and else 503 with one on each line."""

        async def probe(_: web.Request) -> web.Response:
            found = problems()
            return web.Response(status=503 if found else 200, text="\n".join(found) or "ok")

        self.application.router.add_get(path, probe)

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError when the address cannot be had."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        body = await asyncio.to_thread(self._measured.metrics())
        return web.Response(body=body, headers={"content-type": "text/plain; version=0.0.4"})
