"""A server that answers every request at once with two bytes: the other end of a benchmark.

It reads just enough of HTTP to find where a request with a Content-Length ends. Run as
`python -m benchmarks.echo`; the first line of its output is its port.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Echo(asyncio.BufferedProtocol):
    """Answers whole requests; keeps the rest of one that is not whole yet."""

    def __init__(self) -> None:
        self._buffer = bytearray(65536)
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        received = self._rest + bytes(memoryview(self._buffer)[:nbytes])
        answers = 0
        while (end := received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(received, 0, end)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(received) < total:
                break
            received = received[total:]
            answers += 1
        self._rest = received
        if answers:
            self._transport.write(_ANSWER * answers)


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
