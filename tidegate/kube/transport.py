"""HTTP to one API server: credentials, deadlines, bounds, and errors by decision."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
import orjson
from yarl import URL

from tidegate.kube.access import Access
from tidegate.kube.call import Call
from tidegate.kube.errors import AnswerTooLarge, Unavailable
from tidegate.kube.objects import Object
from tidegate.kube.sockets import Sockets
from tidegate.kube.status import Refusal, error_from

_REFUSAL_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Bounds of a client."""

    connect_timeout: float = 5.0
    """Until a connection, TLS included, stands; a healthy one takes milliseconds."""

    timeout: float = 30.0
    """Until an answer is complete; the API server itself gives up after 60 s."""

    in_flight: int = 16
    """Requests at a time, watches not counted; more only wait in the server's queues."""

    page: int = 250
    """Objects a page of a list; halved where such a page exceeds `answer_limit`."""

    answer_limit: int = 32 * 1024 * 1024
    """Bytes of one answer; an object has at most 1.5 MiB in etcd, 3 MiB on the way to it."""

    silence: float = 150.0
    """How long a watch may say nothing. A server sends its first bookmark after up to two minutes,
    then one a minute; that a peer has died is noticed by keep-alives long before that."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a call looks like in HTTP."""

    call: Call
    method: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Object | bytes | None = None
    content_type: str = "application/json"
    accept: str = ""
    """Empty is JSON."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Further ones, for what a proxied request reaches."""


class Transport:
    """Connections to one API server. Open it with `async with`."""

    def __init__(self, access: Access, settings: ClientSettings) -> None:
        self.settings = settings
        self.asked: Counter[tuple[str, str]] = Counter()
        """Requests by verb and resource, in the words of RBAC; those that failed are among them."""

        self._access = access
        self._slots = asyncio.Semaphore(settings.in_flight)
        self._sockets = Sockets()
        self._session: aiohttp.ClientSession | None = None

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self._access.server

    async def __aenter__(self) -> Self:
        # No limit of the pool: watches hold their connections for minutes, and requests have slots.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, socket_factory=self._sockets.make),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"accept": "application/json", "accept-encoding": "identity"},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None
        if self._session.connector is not None:
            # Closed politely, a connection would outlive us, and with a dead peer for long.
            await self._session.connector.close(abort_ssl=True)
        await self._sockets.cut()
        await self._session.close()

    async def ask(self, request: Request) -> Object:
        """Send it and return the answer. Raises `KubeError`."""
        self._count(request.call)
        async with self._slots:
            with translated(request.call):
                async with asyncio.timeout(self.settings.timeout), self._sent(request) as response:
                    body = await _read(request.call, response, self.settings.answer_limit)
        return _decoded(request.call, body)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[aiohttp.StreamReader]:
        """Send it and yield what comes back, as it comes. Raises `KubeError` before that."""
        self._count(request.call)
        async with AsyncExitStack() as stack:
            with translated(request.call):
                async with asyncio.timeout(self.settings.timeout):
                    response = await stack.enter_async_context(self._sent(request))
            yield response.content

    @asynccontextmanager
    async def exchange(
        self, request: Request, timeout: float | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send it and yield the answer whatever its status, for what is not the API server's own.

        Raises `KubeError` when none begins within `timeout`.
        """
        self._count(request.call)
        async with AsyncExitStack() as stack:
            with translated(request.call):
                async with asyncio.timeout(timeout):
                    response = await self._authorized(request)
                    stack.callback(_let_go, response)
            yield response

    def _count(self, call: Call) -> None:
        self.asked[call.verb, call.rbac_resource] += 1

    @asynccontextmanager
    async def _sent(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        response = await self._authorized(request)
        try:
            if response.status >= 300:
                raise error_from(await refusal(request.call, response))
            yield response
        finally:
            _let_go(response)

    async def _authorized(self, request: Request) -> aiohttp.ClientResponse:
        tokens = self._access.tokens
        if tokens is None:
            return await self._send(request, "")
        token = await tokens.token()
        response = await self._send(request, token)
        if response.status != 401:
            return response
        _let_go(response)
        return await self._send(request, await tokens.token(refused=token))

    async def _send(self, request: Request, token: str) -> aiohttp.ClientResponse:
        assert self._session is not None
        headers = dict(request.headers)
        if token:
            headers["authorization"] = f"Bearer {token}"
        if request.accept:
            headers["accept"] = request.accept
        if request.body is not None:
            headers.setdefault("content-type", request.content_type)
        return await self._session.request(
            request.method,
            URL(self._access.server + request.call.path, encoded=True),
            params=request.params,
            headers=headers,
            data=_encoded(request.body),
            allow_redirects=False,
            ssl=self._access.tls or True,
            server_hostname=self._access.server_name,
            proxy=self._access.proxy,
            timeout=aiohttp.ClientTimeout(sock_connect=self.settings.connect_timeout),
        )


def _encoded(body: Object | bytes | None) -> bytes | None:
    return body if body is None or isinstance(body, bytes) else orjson.dumps(body)


@contextmanager
def translated(call: Call) -> Iterator[None]:
    """Raise `Unavailable` for what the network does to `call`."""
    try:
        yield
    except TimeoutError as error:
        raise Unavailable(f"{call}: the API server does not answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"{call}: the API server cannot be reached: {reason}") from error


def _let_go(response: aiohttp.ClientResponse) -> None:
    """Keep the connection for another request if the answer was read whole; else break it."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        # Closed politely, a TLS connection would wait for its peer with nobody who knows of it.
        connection.transport.abort()
    response.close()


async def _read(call: Call, response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise AnswerTooLarge(f"{call}: the answer has more than {limit} bytes")
    return bytes(body)


def _decoded(call: Call, body: bytes) -> Object:
    answer = _json(body)
    if not answer:
        # A load balancer on the way, say: 200, and a page of its own.
        raise Unavailable(f"{call}: the answer is not that of an API server; check the address")
    return answer


def _json(body: bytes) -> Object:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


async def refusal(call: Call, response: aiohttp.ClientResponse) -> Refusal:
    """Read what an answer that is no success says."""
    try:
        status = _json(await _read(call, response, _REFUSAL_LIMIT))
    except AnswerTooLarge:
        status = {}
    wait = response.headers.get("retry-after", "")
    return Refusal(
        call,
        response.status,
        status if status.get("kind") == "Status" else {},
        float(wait) if wait.isdecimal() else None,
    )
