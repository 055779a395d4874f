"""Who may use the control API, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from controllers.local.functions import UnknownFunction
from controllers.local.logs import LogLine
from tests.fakes.function_server import breaking_off, function_server
from tests.support.http_servers import serving
from tidegate.cli.up.control import Control

KEY = ("default", "hello")
TOKEN = {"Authorization": "Bearer token"}


class OneFunction:
    """A station with one function whose processes are where a test says."""

    def __init__(self, *addresses: tuple[str, int]) -> None:
        self._addresses = addresses

    def functions(self) -> list[dict[str, Any]]:
        row = {"namespace": "default", "name": "hello", "state": "failing", "reason": "no handler"}
        return [row]

    def triggers(self) -> list[dict[str, Any]]:
        return []

    def state(self) -> dict[str, Any]:
        return {}

    def timeout_of(self, key: tuple[str, str]) -> float:
        return 1.0

    def address_of(self, key: tuple[str, str]) -> tuple[tuple[str, int], ...]:
        return self._addresses if key == KEY else ()

    def logs(self, key: tuple[str, str], lines: int) -> list[LogLine]:
        if key != KEY:
            raise UnknownFunction
        return [LogLine(KEY, 0, "stdout", "words", 1.0)][-lines:]

    async def follow(self, key: tuple[str, str], backlog: int) -> AsyncIterator[LogLine]:
        for line in self.logs(key, backlog):
            yield line


@asynccontextmanager
async def served(station: OneFunction) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the control API; the session knows where, and has the token."""
    application = web.Application()
    Control(station, "token").extend(application)
    async with (
        serving(application) as url,
        aiohttp.ClientSession(f"{url}/control/", headers=TOKEN) as session,
    ):
        yield session


@pytest.mark.parametrize(
    ("host", "authorization", "allowed"),
    [
        ("127.0.0.1:8081", "Bearer token", True),
        ("localhost", "Bearer token", True),
        ("LOCALHOST:1", "Bearer token", True),
        ("[::1]:8081", "Bearer token", True),
        ("[::1]", "Bearer token", True),
        ("mine.lan:8081", "Bearer token", True),
        ("evil.example:8081", "Bearer token", False),
        ("127.0.0.1.evil.example", "Bearer token", False),
        ("", "Bearer token", False),
        ("localhost", "Bearer tokem", False),
        ("localhost", "", False),
        ("localhost", "Bearer \u00e9", False),
    ],
)
@pytest.mark.regression(
    "Argo Events: compares a bearer token in a time that tells how much of it is right"
)
def test_only_the_token_and_a_name_of_ours_open_it(
    host: str, authorization: str, allowed: bool
) -> None:
    assert Control(OneFunction(), "token", ["mine.lan"]).allows(host, authorization) is allowed


@pytest.mark.parametrize(
    ("listening", "path", "host", "status"),
    [
        ("127.0.0.1", "/metrics", "localhost:8081", 200),
        ("127.0.0.1", "/metrics", "evil.example:8081", 403),
        ("::1", "/subscriptions", "[::1]:8081", 200),
        ("localhost", "/subscriptions", "evil.example", 403),
        ("127.0.0.1", "/livez", "anybody.example", 200),
        ("0.0.0.0", "/metrics", "tidegate:8081", 200),
        ("0.0.0.0", "/control/state", "tidegate:8081", 401),
    ],
)
async def test_a_page_that_rebinds_its_name_is_told_nothing_of_what_runs(
    listening: str, path: str, host: str, status: int
) -> None:
    async def told(_: web.Request) -> web.Response:
        return web.Response()

    application = web.Application()
    for one in ("/metrics", "/subscriptions", "/livez"):
        application.router.add_get(one, told)
    Control(OneFunction(), "token", [listening]).extend(application)
    headers = {"host": host} | TOKEN
    async with (
        serving(application) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}{path}", headers=headers) as answer,
    ):
        assert answer.status == status


async def test_a_call_passes_the_callers_event_headers_and_nothing_else() -> None:
    async with function_server() as function, served(OneFunction(function.address)) as session:
        headers = {"event-id": "7", "content-type": "application/json", "cookie": "a=b"}
        async with session.post("functions/default/hello/call", data=b"{}", headers=headers) as got:
            assert (got.status, await got.text()) == (200, "ok")
        (seen,) = function.seen
    assert (seen.method, seen.body, seen.headers["event-id"]) == ("POST", b"{}", "7")
    assert {"cookie", "authorization"}.isdisjoint(name.lower() for name in seen.headers)


@pytest.mark.parametrize(("size", "status"), [(5 << 20, 200), (7 << 20, 413)])
async def test_a_call_may_be_as_large_as_one_from_outside(size: int, status: int) -> None:
    async with (
        function_server() as function,
        served(OneFunction(function.address)) as session,
        session.post("functions/default/hello/call", data=BytesIO(bytes(size))) as got,
    ):
        assert got.status == status
        assert [len(seen.body) for seen in function.seen] == [size] * (status == 200)


async def test_a_functions_own_status_comes_back() -> None:
    async def teapot(_: web.Request, body: bytes) -> web.Response:
        return web.Response(status=418, text="short")

    async with (
        function_server(teapot) as server,
        served(OneFunction(server.address)) as session,
        session.get("functions/default/hello/call") as got,
    ):
        assert (got.status, await got.text()) == (418, "short")
        assert "tidegate-error" not in got.headers


async def test_a_function_that_is_not_ready_says_why() -> None:
    async with (
        served(OneFunction()) as session,
        session.get("functions/default/hello/call") as got,
    ):
        assert (got.status, got.headers["tidegate-error"]) == (503, "unavailable")
        assert "default/hello: no process takes calls: no handler" in await got.text()


async def test_a_function_of_another_namespace_is_pointed_to() -> None:
    async with (
        served(OneFunction()) as session,
        session.get("functions/other/hello/logs") as got,
    ):
        assert (got.status, got.headers["tidegate-error"]) == (404, "unknown")
        assert "add -n default" in await got.text()


async def test_a_process_that_is_gone_is_a_sentence(unused_tcp_port: int) -> None:
    async with (
        served(OneFunction(("127.0.0.1", unused_tcp_port))) as session,
        session.get("functions/default/hello/call") as got,
    ):
        assert (got.status, got.headers["tidegate-error"]) == (502, "unavailable")


@pytest.mark.parametrize("query", ["lines=5", "lines=5&follow=1", "lines=x"])
async def test_logs_are_lines_of_json(query: str) -> None:
    async with (
        served(OneFunction()) as session,
        session.get(f"functions/default/hello/logs?{query}") as got,
    ):
        assert '"text":"words"' in await got.text()


async def test_where_a_function_points_to_is_the_callers_to_follow() -> None:
    async def elsewhere(_: web.Request, body: bytes) -> web.Response:
        return web.Response(status=302, headers={"location": "/hidden"}, text="there")

    async with (
        function_server(elsewhere) as server,
        served(OneFunction(server.address)) as session,
        session.get("functions/default/hello/call", allow_redirects=False) as got,
    ):
        assert (got.status, await got.text()) == (302, "there")
        assert [seen.path for seen in server.seen] == ["/"]


async def test_an_answer_that_breaks_off_is_never_one_that_is_whole() -> None:
    async with (
        function_server(breaking_off()) as server,
        served(OneFunction(server.address)) as session,
        session.get("functions/default/hello/call") as got,
    ):
        with pytest.raises(aiohttp.ClientError):
            async with asyncio.timeout(10):
                await got.read()
