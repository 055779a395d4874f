"""A function's server whose behaviour a test decides. aiohttp: not our own HTTP code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from tests.support.http_servers import serving

Behaviour = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the function saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


async def say_ok(request: web.Request, body: bytes) -> web.StreamResponse:
    """Answer 200 with a short text."""
    return web.Response(text="ok")


def breaking_off(**headers: str) -> Behaviour:
    """Return how to answer with `headers` and half of a body, and cut the connection."""

    async def break_off(request: web.Request, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    return break_off


class FunctionServer:
    """Records what it sees and answers as `behaviour` says."""

    def __init__(self, behaviour: Behaviour = say_ok) -> None:
        self.behaviour = behaviour
        self.seen: list[Seen] = []
        self.address = ("127.0.0.1", 0)
        self._arrived = asyncio.Event()

    async def until(self, count: int, timeout: float = 10) -> list[Seen]:
        """Return what was seen once it is `count` requests."""
        async with asyncio.timeout(timeout):
            while len(self.seen) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.seen

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record, then behave."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.path_qs, headers, body))
        self._arrived.set()
        return await self.behaviour(request, body)


@asynccontextmanager
async def function_server(behaviour: Behaviour = say_ok) -> AsyncIterator[FunctionServer]:
    """Serve on a free port of loopback for the length of the block."""
    server = FunctionServer(behaviour)
    application = web.Application(client_max_size=2**26)
    application.router.add_route("*", "/{rest:.*}", server.handle)
    async with serving(application) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        server.address = (host, int(port))
        yield server
