"""A server between an AWS client and an emulator, which refuses, delays and changes calls."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from tests.support.http_servers import serving


class AwsProxy:
    """Passes calls on to `upstream`; `calls` counts them by operation, refused ones too."""

    def __init__(self, upstream: str) -> None:
        self.calls: Counter[str] = Counter()
        self.changes: dict[str, dict[str, Any]] = {}
        """Operation -> fields that every request of it gets."""

        self.edits: dict[str, Callable[[dict[str, Any]], None]] = {}
        """Operation -> what is done to every answer to it."""

        self.accepts: Callable[[str, dict[str, Any], str], str | None] = lambda *_: None
        """Operation, request and authorization -> the error to answer with, if any."""

        self.idle_timeout = 75.0
        """How long a connection may be idle before it is closed."""

        self.held = asyncio.Event()
        """Set when a call is being held."""

        self.url = ""
        self._upstream = upstream
        self._faults: dict[str, deque[str]] = {}
        self._held: dict[str, float] = {}
        self._go_on = asyncio.Event()

    def refuse(self, operation: str, code: str, times: int = 1) -> None:
        """Answer the next `times` calls with the error `code`."""
        self._faults.setdefault(operation, deque()).extend([code] * times)

    def hold(self, operation: str, calls: float = math.inf) -> None:
        """Answer none of the next `calls` calls of `operation` until `release`."""
        self._held[operation] = calls
        self._go_on.clear()

    def release(self) -> None:
        """Answer everything again."""
        self._held.clear()
        self._go_on.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve at `url` for the length of the block."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/", self._answer)
        async with (
            serving(app, keepalive_timeout=self.idle_timeout) as self.url,
            aiohttp.ClientSession() as self._session,
        ):
            try:
                yield
            finally:
                self.release()

    async def _answer(self, request: web.Request) -> web.Response:
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        self.calls[operation] += 1
        body = await request.read()
        if self._held.get(operation):
            self._held[operation] -= 1
            self.held.set()
            await self._go_on.wait()
        if self._faults.get(operation):
            return _error(self._faults[operation].popleft())
        code = self.accepts(operation, json.loads(body), request.headers.get("authorization", ""))
        if code is not None:
            return _error(code)
        return await self._passed_on(request, operation, body)

    async def _passed_on(self, request: web.Request, operation: str, body: bytes) -> web.Response:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in ("host", "content-length", "expect")
        }
        if operation in self.changes:
            body = json.dumps(json.loads(body) | self.changes[operation]).encode()
        async with self._session.post(self._upstream, data=body, headers=headers) as answer:
            return web.Response(
                status=answer.status,
                body=self._edited(operation, await answer.read()),
                content_type="application/x-amz-json-1.1",
                headers={"date": answer.headers.get("date", "")},
            )

    def _edited(self, operation: str, body: bytes) -> bytes:
        if operation not in self.edits:
            return body
        document = json.loads(body)
        self.edits[operation](document)
        return json.dumps(document).encode()


def _error(code: str) -> web.Response:
    document = {"__type": code, "message": "asked for by a test"}
    return web.Response(
        status=400, body=json.dumps(document).encode(), content_type="application/x-amz-json-1.1"
    )
