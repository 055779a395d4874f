"""One client's connection: requests in, answers out, one at a time and in order."""

import asyncio
import time
from typing import Protocol

from . import wire
from .call import Call
from .pool import PLAIN, RETRY, Unavailable
from .wire import BadRequest, ChunkedBody, Head

IDLE_TIMEOUT = 75.0
"""How long a connection is kept between requests: longer than its clients keep it."""

READ_TIMEOUT = 30.0
"""How long a head may take as a whole, and a body between two pieces."""

PIPELINE_LIMIT = 64 * 1024


class Service(Protocol):
    """What a connection serves."""

    body_limit: int
    draining: bool

    def opened(self, connection: "Connection") -> None:
        """The connection has begun."""

    def full(self) -> bool:
        """Whether there are more connections than are served."""

    def reserve(self, size: int) -> bool:
        """Whether size more bytes of body may be held."""

    def release(self, size: int) -> None:
        """Bytes that are held no more."""

    def own_answer(self, path: str) -> tuple[int, bytes, bytes] | None:
        """The answer when path is one of the server's own."""

    def submit(self, connection: "Connection", head: Head, body: bytes) -> Call:
        """Run the function; raises Unavailable."""

    def waiting(self, call: Call) -> bool:
        """Whether the call has not begun."""

    def more(self, call: Call) -> None:
        """The client has taken a chunk of the call's answer."""

    def answered(self, connection: "Connection", status: int, size: int) -> None:
        """An answer is complete."""

    def lost(self, connection: "Connection", call: Call | None) -> None:
        """The connection has closed, perhaps before the call's answer was complete."""


class Connection(asyncio.Protocol):
    """Reads a head, then its body, then waits for the answer: `waiting_since` dates the step."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop
        self._buffer = bytearray()
        self._held = 0
        self._chunked: ChunkedBody | None = None
        self._call: Call | None = None
        self._answering = False
        self._streaming = False
        self._write_paused = False
        self._eof = False
        self._unacknowledged = 0
        self._sent = 0
        self._status = 0
        self.head: Head | None = None
        self.peer = ""
        self.waiting_since = loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.peer = (transport.get_extra_info("peername") or ("",))[0]
        self._service.opened(self)
        if self._service.full():
            self._refuse(503, "too many connections at once: try again")

    def connection_lost(self, error: Exception | None) -> None:
        self._release()
        call, self._call = self._call, None
        self._service.lost(self, call)

    def eof_received(self) -> bool:
        """A client that closes its side may still want the answer of a call that runs."""
        self._eof = True
        waiting = self._call is not None and self._service.waiting(self._call)
        return self._answering and not waiting

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._answering:
            self._advance()
        elif len(self._buffer) > PIPELINE_LIMIT:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        due, self._unacknowledged = self._unacknowledged, 0
        for _ in range(due):
            if self._call is not None:
                self._service.more(self._call)

    def close_if_idle(self, now: float, idle_timeout: float = IDLE_TIMEOUT) -> None:
        """Close when the client has been silent for too long at this point."""
        if self._answering:
            return
        silent = now - self.waiting_since
        if self.head is None and not self._buffer:
            if silent >= idle_timeout:
                self._transport.close()
        elif silent >= READ_TIMEOUT:
            self._refuse(408, "the request did not arrive in time")

    def abort(self) -> None:
        """Close at once, so that the client can tell that the answer is not whole."""
        self._transport.abort()

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """The whole answer to the request that was read."""
        lines = self._head_lines(status, head, len(body))
        if wire.has_body(self._method, status):
            self._transport.write(lines + body)
            self._sent = len(body)
        else:
            self._transport.write(lines)
        self.finish()

    def start(self, status: int, head: bytes, length: int | None) -> None:
        """The head of an answer whose body follows in chunks."""
        self._streaming = length is None and self.head is not None and self.head.version == 1
        self._transport.write(self._head_lines(status, head, length))

    def chunk(self, data: bytes) -> None:
        """A part of the body; the worker may send another when the client has taken enough."""
        if wire.has_body(self._method, self._status):
            self._sent += len(data)
            if self._streaming:
                data = b"%x\r\n%b\r\n" % (len(data), data)
            self._transport.write(data)
        if self._write_paused:
            self._unacknowledged += 1
        elif self._call is not None:
            self._service.more(self._call)

    def finish(self) -> None:
        """The answer is complete: go on with the next request, or close."""
        if self._streaming and wire.has_body(self._method, self._status):
            self._transport.write(b"0\r\n\r\n")
        self._service.answered(self, self._status, self._sent)
        keep = self._keeps_alive
        self._release()
        self._call, self.head, self._chunked = None, None, None
        self._answering = self._streaming = False
        self._sent = self._unacknowledged = 0
        self.waiting_since = self._loop.time()
        if not keep or (self._eof and not self._buffer):
            self._transport.close()
            return
        self._transport.resume_reading()
        if self._buffer:
            self._loop.call_soon(self._advance)

    @property
    def _method(self) -> str:
        return self.head.method if self.head is not None else "GET"

    @property
    def _keeps_alive(self) -> bool:
        return self.head is not None and self.head.keep_alive and not self._service.draining

    def _head_lines(self, status: int, head: bytes, length: int | None) -> bytes:
        self._status = status
        lines = [wire.status_line(status), wire.date_line(int(time.time())), head]
        if length is not None:
            if status not in (204, 304):
                lines.append(b"Content-Length: %d\r\n" % length)
        elif self._streaming:
            lines.append(b"Transfer-Encoding: chunked\r\n")
        elif self.head is not None:
            object.__setattr__(self.head, "keep_alive", False)
        if not self._keeps_alive:
            lines.append(b"Connection: close\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _advance(self) -> None:
        """Read on as far as the bytes go."""
        if self._answering or self._transport.is_closing():
            return
        try:
            if self.head is None and not self._read_head():
                return
            body = self._read_body()
        except BadRequest as error:
            self._refuse(error.status, str(error))
            return
        if body is not None:
            self._serve(body)

    def _read_head(self) -> bool:
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end > wire.HEAD_LIMIT or (end < 0 and len(self._buffer) > wire.HEAD_LIMIT):
            raise BadRequest(431, f"the request's head is larger than {wire.HEAD_LIMIT} bytes")
        if end < 0:
            return False
        head = wire.parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._expect_body(head)
        self.head = head
        self.waiting_since = self._loop.time()
        return True

    def _expect_body(self, head: Head) -> None:
        """Make room for the body, and ask for it where the client waits to be asked."""
        limit = self._service.body_limit
        if head.length is None:
            self._chunked = ChunkedBody(limit)
        elif head.length > limit:
            raise BadRequest(413, f"the body is larger than {limit} bytes")
        elif head.length:
            self._hold(head.length)
        expectation = head.lower.get("expect")
        if expectation is not None and head.length != 0:
            if expectation.lower() != "100-continue":
                raise BadRequest(417, "the only expectation understood is 100-continue")
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> bytes | None:
        """The body when it is whole."""
        assert self.head is not None
        length = self.head.length
        if length is None:
            assert self._chunked is not None
            whole = self._chunked.feed(self._buffer)
            self._hold(len(self._chunked.body) - self._held)
            if not whole:
                self.waiting_since = self._loop.time()
                return None
            return bytes(self._chunked.body)
        if len(self._buffer) < length:
            self.waiting_since = self._loop.time()
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _serve(self, body: bytes) -> None:
        assert self.head is not None
        self._answering = True
        own = self._service.own_answer(self.head.path)
        if own is not None:
            self.respond(*own)
            return
        try:
            self._call = self._service.submit(self, self.head, body)
        except Unavailable as error:
            self.respond(503, RETRY, f"{error}\n".encode())

    def _hold(self, size: int) -> None:
        if size and not self._service.reserve(size):
            raise BadRequest(503, "too many large bodies at once: try again")
        self._held += size

    def _release(self) -> None:
        self._service.release(self._held)
        self._held = 0

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer a request that cannot be read to its end, and close."""
        self.head = None
        self._answering = True
        head = RETRY if status == 503 else PLAIN
        self.respond(status, head, f"{sentence}\n".encode())
