"""A network between a client and an API server, which breaks as told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from tests.support.http_servers import serving
from tidegate.kube.access import Access, StaticToken, Tokens

_HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What requests get instead of an answer of the API server."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


class KubeProxy:
    """Passes requests on to `upstream`; `asked` counts them by verb, refused ones too."""

    def __init__(self, upstream: Access) -> None:
        self.asked: Counter[str] = Counter()
        self.fault: Fault | None = None
        """When set, the answer to everything."""

        self.broken = False
        """When set, every connection breaks as soon as it is used."""

        self.delay = 0.0
        """How long every request waits before it is passed on, in seconds."""

        self.lose_answers = False
        """When set, requests reach the API server, and what it says reaches nobody."""

        self.on_write: Callable[[str], None] = lambda path: None
        """Called with the path of each write as it is passed on."""

        self.url = ""
        self._upstream = upstream
        self._connected = asyncio.Event()
        self._connected.set()
        self._open: set[asyncio.Transport] = set()

    @property
    def access(self) -> Access:
        """How clients reach the API server through here."""
        tokens: Tokens = self._upstream.tokens or StaticToken("")
        return Access(self.url, tokens=tokens)

    def partition(self) -> None:
        """Let nothing through any more, in either direction; connections stay open."""
        self._connected.clear()

    def heal(self) -> None:
        """Let everything through again: also what waited."""
        self._connected.set()

    def cut(self) -> None:
        """Break all connections that have a request open."""
        for transport in self._open:
            transport.abort()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve at `url` for the length of the block."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            serving(app, handler_cancellation=True) as self.url,
            aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session,
        ):
            yield
            self.heal()
            self.cut()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[_verb(request)] += 1
        transport = request.transport
        assert transport is not None
        self._open.add(transport)
        try:
            if self.broken:
                transport.abort()
                return web.Response()
            await asyncio.sleep(self.delay)
            await self._connected.wait()
            if self.fault is not None:
                return web.Response(
                    status=self.fault.code, headers=dict(self.fault.headers), text=self.fault.body
                )
            return await self._passed_on(request)
        except aiohttp.ClientConnectionError:
            transport.abort()  # nobody is there to answer, or not any more
            return web.Response()
        finally:
            self._open.discard(transport)

    async def _passed_on(self, request: web.Request) -> web.StreamResponse:
        upstream = self._upstream
        if request.method != "GET":
            self.on_write(request.path)
        async with self._session.request(
            request.method,
            upstream.server + request.raw_path,
            headers=[(name, text) for name, text in request.headers.items() if _kept(name)],
            data=await request.read() or None,  # bytes, even none, have a content type
            ssl=upstream.tls or True,
        ) as answer:
            try:
                return await self._relayed(request, answer)
            finally:
                # Closed politely, a TLS connection would outlive the proxy.
                if answer.connection is not None and answer.connection.transport is not None:
                    answer.connection.transport.abort()

    async def _relayed(
        self, request: web.Request, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_headers(answer))
        await self._through()
        await response.prepare(request)
        with suppress(aiohttp.ClientError):
            async for chunk in answer.content.iter_any():
                await self._through()
                await response.write(chunk)
        return response

    async def _through(self) -> None:
        await self._connected.wait()
        if self.lose_answers:
            await asyncio.Event().wait()


def _verb(request: web.Request) -> str:
    if request.method != "GET":
        return request.method.lower()
    return "watch" if "watch" in request.query else "get"


def _kept(name: str) -> bool:
    return name.lower() not in _HOP


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: text for name, text in answer.headers.items() if _kept(name)}
