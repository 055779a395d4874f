"""However the bytes are split, and whatever they are: the same outcome, and never a stray error."""

import asyncio
import contextlib
import gc
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.connection import ClientConnection, ResponseLimits
from gateway.http.errors import ConnectionDied, HttpError
from gateway.http.request import Request
from gateway.http.request_reader import RequestReader
from gateway.http.server import Server
from gateway.http.server_connection import ServerConnection

ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA:  b \r\n\r\nhello",
    b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2;x=y\r\nab\r\n3\r\ncde\r\n0\r\nT: 1\r\n\r\n",
    b"HTTP/1.1 204 No\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
)
REQUESTS = (
    b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2;x=y\r\nab\r\n0\r\nT: 1\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"PUT /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 3\r\n\r\nabc",
)


class Wire(asyncio.Transport):
    """The transport's side of a protocol, without a socket: it keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.half_closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.half_closed = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever held back."""

    def pause_reading(self) -> None:
        """All bytes are fed by the test."""

    def resume_reading(self) -> None:
        """All bytes are fed by the test."""


class Owner:
    """A pool of one connection."""

    def __init__(self) -> None:
        self.endpoint = "test:80"
        self.limits = ResponseLimits()
        self.buffer = bytearray(64 * 1024)
        self.kept = False

    def idle(self, connection: ClientConnection) -> None:
        self.kept = True

    def lost(self, connection: ClientConnection) -> None:
        self.kept = False


class Application:
    """Answers everything with what it was asked."""

    def __init__(self) -> None:
        self.served: list[tuple[str, str, bytes]] = []

    def limit_for(self, request: Request) -> int:
        return 1000

    def serve(self, request: Request) -> None:
        self.served.append((request.method, request.path, request.body))
        request.respond(200, (), request.body)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        if start < end:
            yield data[start:end]


def feed(protocol: Any, wire: Wire, parts: Iterator[bytes]) -> None:
    for part in parts:
        if wire.closed:
            break
        buffer = protocol.get_buffer(len(part))
        buffer[: len(part)] = part
        protocol.buffer_updated(len(part))
    if not wire.closed and not protocol.eof_received():
        wire.close()


async def client_outcome(data: bytes, cuts: list[int]) -> object:
    owner, wire = Owner(), Wire()
    connection = ClientConnection(owner, retire_at=0)
    connection.connection_made(wire)
    future = connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 0, None)
    feed(connection, wire, pieces(data, cuts))
    if wire.closed:
        connection.connection_lost(None)
    assert future.done(), "the caller would wait for ever"
    try:
        response = future.result()
    except HttpError as error:
        return type(error)
    return (response.status, response.headers, response.body)


async def test_giving_up_an_exchange_that_is_over_leaves_the_next_one_alone() -> None:
    connection, wire = ClientConnection(Owner(), retire_at=0), Wire()
    connection.connection_made(wire)
    first = connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 0, None)
    connection.get_buffer(0)[: len(ANSWERS[0])] = ANSWERS[0]
    connection.buffer_updated(len(ANSWERS[0]))
    second = connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 0, None)
    connection.give_up(first)
    assert not wire.closed
    connection.give_up(second)
    assert wire.closed


async def test_a_connection_that_closed_between_two_requests_fails_before_any_byte() -> None:
    owner, wire = Owner(), Wire()
    connection = ClientConnection(owner, retire_at=0)
    connection.connection_made(wire)
    first = connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 0, None)
    connection.get_buffer(0)[: len(ANSWERS[0])] = ANSWERS[0]
    connection.buffer_updated(len(ANSWERS[0]))
    assert first.result().status == 200
    assert owner.kept
    wire.closed = True
    second = connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 0, None)
    error = second.exception()
    assert isinstance(error, ConnectionDied)
    assert error.before_response


async def server_outcome(data: bytes, cuts: list[int]) -> tuple[object, bytes]:
    application, wire = Application(), Wire()
    server = Server(application)
    connection = ServerConnection(server)
    connection.connection_made(wire)
    feed(connection, wire, pieces(data, cuts))
    if wire.closed:
        connection.connection_lost(None)
    await server.close() if server.open_connections == 0 else server.sweep.stop()
    statuses = [line for line in wire.written.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    return application.served, b"".join(statuses)


@pytest.mark.parametrize("request_bytes", REQUESTS)
async def test_nothing_is_left_of_a_connection_that_is_gone(request_bytes: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        await server_outcome(request_bytes, [])
        ours = (ServerConnection, RequestReader, Request)
        assert not [each for each in gc.get_objects() if isinstance(each, ours)]
    finally:
        gc.enable()


async def test_as_many_requests_for_an_upgrade_as_are_read_at_once_are_answered() -> None:
    asks = b"GET /a HTTP/1.1\r\nHost:x\r\nConnection:upgrade\r\nUpgrade:h\r\n\r\n"
    count = 64 * 1024 // len(asks)
    served, _ = await server_outcome(asks * count, [])
    assert served == [("GET", "/a", b"")] * count


cuts = st.lists(st.integers(0, 400), max_size=8)


@given(st.sampled_from(ANSWERS), cuts)
@settings(max_examples=100, deadline=None)
async def test_an_answer_means_the_same_however_it_is_split(data: bytes, cuts: list[int]) -> None:
    assert await client_outcome(data, cuts) == await client_outcome(data, [])


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=3), cuts)
@settings(max_examples=100, deadline=None)
async def test_requests_mean_the_same_however_they_are_split(
    data: list[bytes], cuts: list[int]
) -> None:
    joined = b"".join(data)
    assert await server_outcome(joined, cuts) == await server_outcome(joined, [])


@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_answer_may_be_split_at_every_byte(answer: bytes) -> None:
    whole = await client_outcome(answer, [])
    assert isinstance(whole, tuple)
    for offset in range(len(answer)):
        assert await client_outcome(answer, [offset]) == whole
    assert await client_outcome(answer, list(range(len(answer)))) == whole


@pytest.mark.parametrize("request_bytes", REQUESTS)
async def test_a_request_may_be_split_at_every_byte(request_bytes: bytes) -> None:
    whole = await server_outcome(request_bytes, [])
    assert len(whole[0]) == 1
    for offset in range(len(request_bytes)):
        assert await server_outcome(request_bytes, [offset]) == whole
    assert await server_outcome(request_bytes, list(range(len(request_bytes)))) == whole


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The bytes with some of them changed, doubled, dropped or moved."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(made)) if made else 0
        match chance.randrange(5):
            case 0:
                made[place : place + 1] = bytes((chance.randrange(256),))
            case 1:
                made[place:place] = made[place : place + chance.randrange(30)]
            case 2:
                del made[place : place + chance.randrange(10)]
            case 3:
                made[place:place] = chance.choice((b"\r\n", b"\0", b"0\r\n\r\n", b":", b" ", b"\n"))
            case _:
                made += chance.choice(ANSWERS + REQUESTS)
    return bytes(made)


def noise(samples: tuple[bytes, ...], rounds: int) -> Iterator[tuple[bytes, list[int]]]:
    chance = random.Random(20)
    for _ in range(rounds):
        data = mutated(chance.choice(samples), chance)
        if chance.random() < 0.1:
            data = chance.randbytes(chance.randrange(1, 200))
        yield data, [chance.randrange(400) for _ in range(chance.randrange(5))]


async def test_no_noise_makes_the_client_hang_or_raise() -> None:
    for data, at in noise(ANSWERS, 3000):
        await client_outcome(data, at)


async def test_no_noise_makes_the_server_raise() -> None:
    for data, at in noise(REQUESTS, 3000):
        await server_outcome(data, at)


async def test_noise_on_real_sockets_leaves_a_server_that_works() -> None:
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    application = Application()
    server = Server(application)
    await server.start("127.0.0.1", 0)
    for data, _ in noise(REQUESTS, 150):
        await throw(server.port, data)
    application.served.clear()
    await throw(server.port, REQUESTS[0])
    assert application.served == [("POST", "/a", b"hello")]
    await server.close()
    assert not errors


async def throw(port: int, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(5):
            await reader.read()
    writer.close()
