"""The other end of the wire: servers and clients on raw sockets that do as a test says."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from gateway.http.client import Pool, PoolSettings
from gateway.http.connection import Response
from gateway.http.headers import encode_request
from gateway.http.request import Answer, Request
from gateway.http.server import Server, ServerSettings

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HOST = "127.0.0.1"
GET = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


class ScriptedServer:
    """Runs a script for each connection; the script gets the connection's number, from 1."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.connections = 0
        self.port = 0

    @asynccontextmanager
    async def running(self) -> Any:
        server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        self.scripts: set[asyncio.Task[Any]] = set()
        try:
            yield self
        finally:
            server.close()
            for task in list(self.scripts):
                task.cancel()
            if self.scripts:
                await asyncio.wait(self.scripts)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.scripts.add(task)
        task.add_done_callback(self.scripts.discard)
        try:
            await self.script(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One whole request, framed by Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.split(b":")[1]))
    return head


def answering(*answers: bytes) -> Script:
    """A script that gives each request of a connection the next answer, then closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()
        await reader.read()

    return script


def closing_after(answer: bytes) -> Script:
    """A script that answers one request and closes its side at once."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await read_request(reader)
        writer.write(answer)

    return script


@asynccontextmanager
async def pool_of(script: Script, settings: PoolSettings | None = None) -> Any:
    """A pool for a scripted server."""
    async with ScriptedServer(script).running() as server:
        pool = Pool(HOST, server.port, settings)
        try:
            yield pool, server
        finally:
            await pool.close()
            assert pool.open_connections == 0


async def post(pool: Pool, body: bytes = b"hello", within: float = 5, **more: Any) -> Response:
    """POST through a pool with a deadline this many seconds from now."""
    return await pool.request(post_head(len(body)), body, now() + within, **more)


def post_head(length: int) -> bytes:
    return encode_request(b"POST", b"/", [(b"host", b"test"), (b"content-length", b"%d" % length)])


def now() -> float:
    return asyncio.get_running_loop().time()


class Recorder:
    """A BodyStream that keeps what it is told."""

    def __init__(self) -> None:
        self.flow: Any = None
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.flushes = 0
        self.ended = False
        self.began = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def attach(self, flow: Any) -> None:
        self.flow = flow

    def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status, self.headers = status, headers
        self.began.set()

    def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)

    def flush(self) -> None:
        self.flushes += 1

    def end(self) -> None:
        self.ended = True


class Echo:
    """An application that answers with the request's body, or as `serving` says."""

    def __init__(self, serving: Callable[[Request], None] | None = None) -> None:
        self.limit: int | Answer = 1024 * 1024
        self.serving = serving
        self.served: list[Request] = []

    def limit_for(self, request: Request) -> int | Answer:
        return self.limit

    def serve(self, request: Request) -> None:
        self.served.append(request)
        if self.serving is not None:
            self.serving(request)
        else:
            request.respond(200, [(b"x-path", request.path.encode())], request.body)


def leave_open(request: Request) -> None:
    """Serve a request by not answering yet."""


@asynccontextmanager
async def front_door(application: Any, settings: ServerSettings | None = None) -> Any:
    """A running server; everything is closed at the end."""
    server = Server(application, settings)
    await server.start(HOST, 0)
    try:
        yield server
    finally:
        await server.close()
        assert server.open_connections == 0


@asynccontextmanager
async def caller(server: Server) -> Any:
    """A raw connection to the front door."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def exchange(server: Server, *parts: bytes) -> bytes:
    """Send the parts, one segment each, and read until the server closes."""
    async with asyncio.timeout(5), caller(server) as (reader, writer):
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0)
        received: bytes = await reader.read()
        return received


def status(answer: bytes) -> int:
    """The status of an answer."""
    return int(answer.split(b" ", 2)[1])


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the Content-Length body of one answer."""
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return head, await reader.readexactly(int(line.split(b":")[1]))
        return head, b""
