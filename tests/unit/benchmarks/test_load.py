"""The load that benchmarks put on a server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.python_runtime import LoadFailed, load


class Server(asyncio.Protocol):
    """Answers its connections one after another, when all have asked."""

    def __init__(self, status: str, connections: int) -> None:
        self.answered = 0
        self._answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
        self._expected = connections
        self._connections: list[asyncio.Transport] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._connections.append(transport)

    def data_received(self, _data: bytes) -> None:
        self._expected -= 1
        if not self._expected:
            asyncio.get_running_loop().call_soon(self._answer_one)

    def _answer_one(self) -> None:
        self._connections[self.answered].write(self._answer)
        self.answered += 1
        if self.answered < len(self._connections):
            asyncio.get_running_loop().call_later(0.02, self._answer_one)

    @asynccontextmanager
    async def port(self) -> AsyncIterator[int]:
        """Where it is reached for the length of the block."""
        loop = asyncio.get_running_loop()
        async with await loop.create_server(lambda: self, "127.0.0.1") as listening:
            yield listening.sockets[0].getsockname()[1]
            for connection in self._connections:
                connection.abort()


async def test_a_load_lasts_until_the_last_answer() -> None:
    server = Server("200 OK", connections=3)
    async with server.port() as port:
        await load(port, 3, 3)
        assert server.answered == 3


async def test_a_load_fails_with_an_answer_that_is_not_200() -> None:
    server = Server("503 Service Unavailable", connections=2)
    async with server.port() as port:
        with pytest.raises(LoadFailed, match="503 Service Unavailable"):
            await load(port, 2, 10)
