"""The control API: what the other verbs ask of a running `up`. On the admin port, for this user."""

from __future__ import annotations

import asyncio
import hmac
import random
from collections.abc import AsyncIterator, Callable, Iterable
from io import BytesIO
from typing import Any, Protocol

import aiohttp
import orjson
from aiohttp import web

from controllers.desired.local import FunctionKey
from controllers.local.functions import UnknownFunction
from controllers.local.logs import LogLine
from tidegate.cli.control_api import ERROR_HEADER
from tidegate.cli.names import unknown
from tidegate.cli.up.hosts import Hosts, Serve

BODY_LIMIT = 6 * 1024 * 1024
"""Bytes of a request, as many as an HTTP trigger takes by default."""

CONNECT_TIMEOUT = 2.0
METRICS_TIMEOUT = 4.0
GRACE = 5.0
"""How much longer than the function's own timeout its answer is waited for. Seconds."""
PASSED_ON = ("content-type", "event-id", "event-time", "event-type", "event-namespace")


class Station(Protocol):
    """What the control API shows."""

    def functions(self) -> list[dict[str, Any]]: ...

    def triggers(self) -> list[dict[str, Any]]: ...

    def state(self) -> dict[str, Any]: ...

    def timeout_of(self, key: FunctionKey) -> float: ...

    def address_of(self, key: FunctionKey) -> tuple[tuple[str, int], ...]: ...

    def logs(self, key: FunctionKey, lines: int) -> list[LogLine]: ...

    def follow(self, key: FunctionKey, backlog: int) -> AsyncIterator[LogLine]: ...


class Control:
    """Routes below `/control`. Each needs the token, and a Host that no web page can forge."""

    def __init__(
        self,
        station: Station,
        token: str,
        hosts: Iterable[str] = (),
        more: Iterable[Callable[[web.Application], None]] = (),
    ) -> None:
        """Each of `more` adds routes that are guarded as these are."""
        self._station = station
        self._more = tuple(more)
        self._token = token.encode()
        self._hosts = Hosts(hosts)
        self._followers: set[asyncio.Task[Any]] = set()
        self._session: aiohttp.ClientSession | None = None

    def extend(self, application: web.Application) -> None:
        """Add the routes to the admin server, and let it answer who means us alone."""
        self._hosts.protect(application)
        own = web.Application(middlewares=[self._guarded()])
        function = "/functions/{namespace}/{name}"
        own.router.add_get("/state", self._state)
        own.router.add_get("/functions", self._functions)
        own.router.add_get("/triggers", self._triggers)
        own.router.add_get(f"{function}/logs", self._logs)
        own.router.add_get(f"{function}/metrics", self._metrics)
        own.router.add_get(f"{function}/call", self._call)
        own.router.add_post(f"{function}/call", self._call)
        for extend in self._more:
            extend(own)
        own.on_shutdown.append(self._end_followers)
        own.cleanup_ctx.append(self._client)
        application.add_subapp("/control", own)

    def allows(self, host: str, authorization: str) -> bool:
        """Tell whether a request with these headers may be served."""
        given = authorization.removeprefix("Bearer ").encode("utf-8", "replace")
        return self._hosts.holds(host) and hmac.compare_digest(given, self._token)

    def _guarded(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Serve) -> web.StreamResponse:
            headers = request.headers
            if not self.allows(headers.get("Host", ""), headers.get("Authorization", "")):
                return web.Response(status=401, text="the token of this `tidegate up` is needed")
            # The bound of an application within another one has no effect.
            return await handler(request.clone(client_max_size=BODY_LIMIT))

        return guard

    async def _client(self, _: web.Application) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            self._session = session
            yield

    async def _end_followers(self, _: web.Application) -> None:
        for task in self._followers:
            task.cancel()

    async def _state(self, _: web.Request) -> web.Response:
        return _json(self._station.state())

    async def _functions(self, _: web.Request) -> web.Response:
        return _json(self._station.functions())

    async def _triggers(self, _: web.Request) -> web.Response:
        return _json(self._station.triggers())

    async def _call(self, request: web.Request) -> web.StreamResponse:
        key = _key(request)
        addresses = self._station.address_of(key)
        if not addresses:
            return self._not_ready(key)
        host, port = random.choice(addresses)
        body = await request.read()
        data = BytesIO(body) if body else None  # bytes would be sent in one go, however many
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        assert self._session is not None
        try:
            async with (
                asyncio.timeout(self._station.timeout_of(key) + GRACE),
                self._session.request(
                    request.method,
                    f"http://{host}:{port}/",
                    data=data,
                    headers=headers,
                    allow_redirects=False,
                ) as answer,
            ):
                return await _passed_on(request, answer)
        except TimeoutError:
            return _error("unavailable", 504, f"{'/'.join(key)}: no answer within its timeout")
        except aiohttp.ClientError as error:
            sentence = f"{'/'.join(key)}: its process did not answer: {error}"
            return _error("unavailable", 502, sentence)

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        """Answer with a list of texts: the metrics of each process that takes calls."""
        key = _key(request)
        if not any((row["namespace"], row["name"]) == key for row in self._station.functions()):
            return self._no_function(key)
        assert self._session is not None
        texts = []
        try:
            async with asyncio.timeout(METRICS_TIMEOUT):
                for host, port in self._station.address_of(key):
                    async with self._session.get(f"http://{host}:{port}/metrics") as answer:
                        texts.append(await answer.text())
        except (TimeoutError, aiohttp.ClientError) as error:
            reason = str(error) or "no answer in time"
            return _error("unavailable", 502, f"{'/'.join(key)}: reading its metrics: {reason}")
        return _json(texts)

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        key = _key(request)
        count = request.query.get("lines", "200")
        backlog = int(count) if count.isdecimal() else 200
        try:
            lines = self._station.logs(key, backlog)
            following = self._station.follow(key, backlog)
        except UnknownFunction:
            return self._no_function(key)
        response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        await response.prepare(request)
        if request.query.get("follow") == "1":
            await self._followed(response, following)
        else:
            await response.write(b"".join(map(_log_row, lines)))
        return response

    async def _followed(
        self, response: web.StreamResponse, following: AsyncIterator[LogLine]
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._followers.add(task)
        try:
            async for line in following:
                await response.write(_log_row(line))
        except ConnectionError:
            pass  # the reader left
        finally:
            self._followers.discard(task)

    def _not_ready(self, key: FunctionKey) -> web.Response:
        for row in self._station.functions():
            if (row["namespace"], row["name"]) == key:
                reason = row["reason"] or f"it is {row['state']}"
                sentence = f"{'/'.join(key)}: no process takes calls: {reason}"
                return _error("unavailable", 503, sentence)
        return self._no_function(key)

    def _no_function(self, key: FunctionKey) -> web.Response:
        namespace, name = key
        rows = self._station.functions()
        here = [row["name"] for row in rows if row["namespace"] == namespace]
        sentence = unknown("function", name, here)
        others = [row["namespace"] for row in rows if row["name"] == name]
        if others:
            sentence = (
                f"there is no function {name!r} in namespace {namespace}; "
                f"add -n {' or -n '.join(others)}"
            )
        return _error("unknown", 404, sentence)


async def _passed_on(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    kind = answer.headers.get("content-type", "application/octet-stream")
    response = web.StreamResponse(status=answer.status, headers={"content-type": kind})
    await response.prepare(request)
    whole = False
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        whole = True
    finally:
        if not whole and request.transport is not None:
            request.transport.abort()  # no sentence can follow, and half must not look whole
    return response


def _key(request: web.Request) -> FunctionKey:
    return request.match_info["namespace"], request.match_info["name"]


def _log_row(line: LogLine) -> bytes:
    fields = {"time": line.time, "replica": line.replica, "stream": line.stream, "text": line.text}
    return orjson.dumps(fields) + b"\n"


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _error(kind: str, status: int, sentence: str) -> web.Response:
    return web.Response(status=status, text=sentence, headers={ERROR_HEADER: kind})
