"""An aiohttp server for the length of a test."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


@asynccontextmanager
async def serving(
    application: web.Application, tls: ssl.SSLContext | None = None, **settings: Any
) -> AsyncIterator[str]:
    """Serve on a free port of loopback for the length of the block; yield the URL, without a slash.

    `settings` are those of aiohttp's runner. What is unanswered at the end is cancelled soon.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, **settings)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
