"""HTTP as a client of the API server meets it."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest
import trustme
from aiohttp import web

from tests.support.http_servers import serving
from tidegate.kube.access import Access, StaticToken
from tidegate.kube.backoff import Backoff
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.errors import AnswerTooLarge, Invalid, Unauthorized, Unavailable
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import CONFIG_MAPS
from tidegate.kube.transport import ClientSettings

KEY = ObjectKey("default", "one")


class Renewed:
    """Tokens of which the first is refused."""

    async def token(self, *, refused: str = "") -> str:
        """Return another one than the refused."""
        return "new" if refused else "old"


@asynccontextmanager
async def _served(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], **settings: float
) -> AsyncIterator[KubeClient]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    async with serving(app) as url:
        access = Access(url, tokens=Renewed())
        async with connected(access, ClientSettings(**settings)) as client:  # type: ignore[arg-type]
            yield client


async def test_a_refused_token_is_renewed_once() -> None:
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["authorization"])
        return web.json_response({"data": {}}, status=200 if seen[-1] == "Bearer new" else 401)

    async with _served(answer) as client:
        assert await client.get(CONFIG_MAPS, KEY) == {"data": {}}
    assert seen == ["Bearer old", "Bearer new"]


async def test_a_token_that_stays_refused_is_told() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({}, status=401)

    async with _served(answer) as client:
        with pytest.raises(Unauthorized, match="renew the token"):
            await client.get(CONFIG_MAPS, KEY)


async def test_a_token_goes_nowhere_else() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.path != "/elsewhere"
        return web.Response(status=302, headers={"location": "/elsewhere"})

    async with _served(answer) as client:
        with pytest.raises(Invalid):
            await client.get(CONFIG_MAPS, KEY)


@pytest.mark.parametrize("body", ["", "<html>", '"text"', "[]"])
async def test_an_answer_of_somebody_else_is_none(body: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body)

    async with _served(answer) as client:
        with pytest.raises(Unavailable, match="check the address"):
            await client.get(CONFIG_MAPS, KEY)


async def test_an_answer_is_bounded() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="x" * 200_000)

    async with _served(answer, answer_limit=100_000) as client:
        with pytest.raises(AnswerTooLarge):
            await client.get(CONFIG_MAPS, KEY)


@pytest.mark.regression("kubernetes_asyncio: a call has no deadline of its own")
async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    forever = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await forever.wait()
        return web.Response()

    async with _served(answer, timeout=0.1) as client:
        with pytest.raises(Unavailable, match="does not answer in time"):
            await client.get(CONFIG_MAPS, KEY)
        forever.set()


async def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        access = Access(f"http://127.0.0.1:{taken.getsockname()[1]}", tokens=StaticToken("t"))
        async with connected(access) as client:
            with pytest.raises(Unavailable, match="get configmaps one in namespace default"):
                await client.get(CONFIG_MAPS, KEY)


async def test_so_many_requests_are_in_flight_and_no_more() -> None:
    at_work = most = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.02)
        at_work -= 1
        return web.json_response({"a": 1})

    async with _served(answer, in_flight=3) as client, asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(client.get(CONFIG_MAPS, KEY))
    assert most == 3


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(1.0, 4.0)
    for bound in (1.0, 2.0, 4.0, 4.0):
        assert bound / 2 <= backoff.wait() <= bound
    backoff.reset()
    assert backoff.wait() <= 1.0


def test_a_wait_that_is_asked_for_is_kept_up_to_the_longest() -> None:
    backoff = Backoff(1.0, 4.0)
    assert backoff.wait(3.0) == 3.0
    assert backoff.wait(900.0) == 4.0


@pytest.mark.regression(
    "aiohttp: a TLS connection whose request is given up before its answer is closed politely, and "
    "whoever closes the session does not wait for it"
)
async def test_no_connection_outlives_its_client() -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    with _silent(authority) as server:
        access = Access(f"https://127.0.0.1:{server.port}", tls=tls)
        async with connected(access) as client:
            asking = asyncio.create_task(client.get(CONFIG_MAPS, KEY), name="asking")
            await asyncio.to_thread(server.asked.wait, 30)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            assert _open_to(server.port)
        assert not _open_to(server.port)


def _open_to(port: int) -> list[socket.socket]:
    """Return the sockets that are connected to that port from here."""
    found = []
    for one in gc.get_objects():
        if isinstance(one, socket.socket) and one.fileno() != -1:
            with suppress(OSError):
                if one.getpeername()[1:2] == (port,):
                    found.append(one)
    return found


class _Silent:
    """A server that takes a request over TLS and then says nothing, not even that it leaves."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.left = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def serve(self, context: ssl.SSLContext) -> None:
        """Take one connection, and hold it until the test leaves."""
        with (
            self._listener,
            self._listener.accept()[0] as accepted,
            context.wrap_socket(accepted, server_side=True) as connection,
        ):
            connection.recv(1)
            self.asked.set()
            self.left.wait(60)


@contextmanager
def _silent(authority: trustme.CA) -> Iterator[_Silent]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = _Silent()
    thread = threading.Thread(target=server.serve, args=(context,), name="silent server")
    thread.start()
    try:
        yield server
    finally:
        server.left.set()
        thread.join(30)
