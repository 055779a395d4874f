"""One client connection: one exchange at a time, strict framing, reused only without doubt."""

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from gateway.http.errors import (
    CallerGone,
    ConnectionDied,
    DeadlineExceeded,
    ProtocolViolation,
    ResponseTooLarge,
)
from gateway.http.flow import BodyStream
from gateway.http.headers import Headers
from gateway.http.sweep import FOREVER

_H = ord("H")


@dataclass(slots=True)
class Response:
    """A final answer. Header names are lower-case; the body is empty when it was streamed."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class ResponseLimits:
    """How much of an answer is taken in, in bytes; the head includes trailers."""

    head: int = 64 * 1024
    body: int = 1024 * 1024


class ConnectionOwner(Protocol):
    """What a connection needs from its pool."""

    endpoint: str
    limits: ResponseLimits
    buffer: bytearray

    def idle(self, connection: "ClientConnection") -> None:
        """The exchange is over and the connection may carry another."""

    def lost(self, connection: "ClientConnection") -> None:
        """The connection is gone."""


class ClientConnection(asyncio.BufferedProtocol):
    """Sends one request at a time and resolves its future with a Response or an HttpError
    (or with what the caller's own stream raised).

    Whatever leaves a doubt about where the next answer begins closes the connection.
    """

    __slots__ = (
        "_body",
        "_complete",
        "_eof_framed",
        "_future",
        "_head_done",
        "_head_size",
        "_headers",
        "_is_1_1",
        "_keep",
        "_length_known",
        "_loop",
        "_max_head",
        "_overhead",
        "_owner",
        "_parser",
        "_paused",
        "_received",
        "_status",
        "_stream",
        "_transport",
        "_unsent",
        "_view",
        "_without_body",
        "deadline",
        "now",
        "retire_at",
        "reused",
    )

    def __init__(self, owner: ConnectionOwner, retire_at: float) -> None:
        self._owner = owner
        self._view = memoryview(owner.buffer)
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._future: asyncio.Future[Response] | None = None
        self._stream: BodyStream | None = None
        self._max_head = owner.limits.head
        self._unsent = False
        self._paused = False
        self._status = 0
        self._headers: Headers = []
        self._body: bytes | bytearray = b""
        self._head_size = 0
        self._overhead = 0  # bytes since the last progress
        self._received = False
        self._is_1_1 = False
        self._head_done = False
        self._complete = False
        self._keep = False
        self._length_known = False
        self._eof_framed = False
        self._without_body = False
        self.retire_at = retire_at
        self.deadline = FOREVER
        self.reused = False

    @property
    def usable(self) -> bool:
        """Connected, idle and with nothing of the last request left to send."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self._future is None

    def send(
        self, head: bytes, body: bytes, deadline: float, stream: BodyStream | None
    ) -> asyncio.Future[Response]:
        """Write the request at once; the future is the exchange.

        On a connection that is gone already, it fails as one that died before any byte.
        """
        self._received = False
        transport = self._transport
        future = self._loop.create_future()
        if transport is None or transport.is_closing():
            future.set_exception(self._death())
            return future
        self._future = future
        self.deadline = deadline
        self._overhead = 0
        self._head_size = 0
        self._complete = False
        self._head_done = False
        self._length_known = False
        self._eof_framed = False
        self._without_body = head.startswith(b"HEAD ")
        if stream is not None:
            self._stream = stream
            stream.attach(self)
        transport.write(head + body)
        return future

    def give_up(self, future: asyncio.Future[Response]) -> None:
        """The caller no longer waits for this exchange; a later one is not touched."""
        if self._future is future:
            self._future = None
            self.abort()

    def abort(self) -> None:
        """Close now, without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def expire(self) -> None:
        """The deadline passed: of the exchange, or of idleness."""
        if self._future is not None:
            text = f"calling {self._owner.endpoint}: no complete answer before the deadline"
            self.fail(DeadlineExceeded(text, sent=True))
        else:
            self.abort()

    def fail(self, error: BaseException) -> None:
        """Fail the exchange, if there is one, and close."""
        future = self._future
        self._future = None
        self._stream = None
        self._complete = True  # the parser may be in the middle of its callbacks: take no more
        self.abort()
        if future is not None and not future.done():
            future.set_exception(error)

    def pause(self) -> None:
        """Flow: the stream is congested."""
        transport = self._transport
        if transport is not None and not self._paused and not transport.is_closing():
            self._paused = True
            transport.pause_reading()

    def resume(self) -> None:
        """Flow: the stream takes more."""
        transport = self._transport
        if transport is not None and self._paused and not transport.is_closing():
            self._paused = False
            transport.resume_reading()

    def abandon(self) -> None:
        """Flow: nobody reads the stream any more."""
        if self._future is not None:
            text = f"calling {self._owner.endpoint}: the caller went away before the answer"
            self.fail(CallerGone(text))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # With a mark of 0, pause_writing tells whenever a request is not wholly sent.
        self._transport.set_write_buffer_limits(0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._parser = None  # it holds our bound methods: a cycle
        if self._future is not None:
            self.fail(self._death())
        self._owner.lost(self)

    def pause_writing(self) -> None:
        self._unsent = True

    def resume_writing(self) -> None:
        self._unsent = False

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self._future is None:
            self.abort()  # bytes that nobody asked for
            return
        if not self._received and not self._begins_well(nbytes):
            self.fail(self._violation("the answer does not begin with HTTP/"))
            return
        self._overhead += nbytes
        parser = self._parser
        assert parser is not None
        try:
            parser.feed_data(self._view[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._stop_parsing(error)
        # The parser keeps an unfinished header line itself: its callbacks alone bound nothing.
        if self._complete:
            self._finish()
        elif self._overhead > self._max_head:
            self.fail(self._too_much_head())
        elif self._stream is not None and self._head_done:
            self._stream.flush()

    def eof_received(self) -> bool:
        if self._future is not None and self._eof_framed:
            self._keep = False
            self._end_body()
            self._finish()
        return False

    def on_message_begin(self) -> None:
        if self._complete:
            self._keep = False  # more bytes than the answer has: the rest is not ours

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value) + 4
        if self._head_size > self._max_head:
            raise self._too_much_head()
        if self._head_done:
            return  # a trailer
        name = name.lower()
        value = value.strip()
        if name == b"content-length":
            self._length_known = True
        elif name == b"transfer-encoding":
            self._check_coding(value)
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        parser = self._parser
        assert parser is not None
        status = parser.get_status_code()
        if status < 200:
            self._check_informational(status)
            return
        if status > 599:
            raise self._violation(f"its status is {status}")
        self._status = status
        self._head_done = True
        self._keep = parser.should_keep_alive()
        if not self._is_1_1 and parser.get_http_version() != "1.1":
            self._check_old_version(parser.get_http_version())
        if status in (204, 304):
            self._without_body = True
        self._eof_framed = not self._length_known and not self._without_body
        if self._stream is not None:
            self._stream.start(status, self._headers)
        if self._without_body:
            self._end_body()
            if status not in (204, 304):
                # Only we know that HEAD has no body: the parser waits for one.
                self._parser = httptools.HttpResponseParser(self)

    def on_body(self, body: bytes) -> None:
        if self._complete:
            self._keep = False
            return
        self._overhead = 0
        if self._stream is not None:
            self._stream.write(body)
            return
        held = self._body
        if len(held) + len(body) > self._owner.limits.body:
            raise ResponseTooLarge(
                f"calling {self._owner.endpoint}: the answer is larger than "
                f"{self._owner.limits.body} bytes; answer less, or stream it",
                status=self._status,
            )
        if isinstance(held, bytearray):
            held += body
        else:
            self._body = bytearray(held + body) if held else body

    def on_message_complete(self) -> None:
        if not self._head_done:
            self._headers = []  # an informational answer: the final one follows
        elif not self._complete:
            self._end_body()

    def _begins_well(self, nbytes: int) -> bool:
        """Look at the first bytes of an answer, which the parser would forgive too much."""
        self._received = True
        self._is_1_1 = nbytes > 9 and self._owner.buffer.startswith(b"HTTP/1.1 ")
        return self._is_1_1 or self._view[0] == _H

    def _stop_parsing(self, error: httptools.HttpParserError | httptools.HttpParserUpgrade) -> None:
        if isinstance(error, httptools.HttpParserCallbackError):
            # What our own callback raised; the parser only passes it on as context.
            self.fail(error.__context__ or self._violation(str(error)))
        elif not self._complete:
            self.fail(self._violation(str(error)))
        else:
            self._keep = False  # the answer is whole; what follows it is not ours

    def _check_coding(self, value: bytes) -> None:
        if self._length_known or value.lower() != b"chunked":
            raise self._violation("its Transfer-Encoding is not exactly one 'chunked'")
        self._length_known = True

    def _check_old_version(self, version: str) -> None:
        coded = any(name == b"transfer-encoding" for name, _ in self._headers)
        if version != "1.0" or coded:
            raise self._violation("it is neither HTTP/1.1 nor HTTP/1.0 as agreed")

    def _check_informational(self, status: int) -> None:
        if status < 100 or status == 101:
            raise self._violation(f"its status is {status}")
        self._length_known = False
        self._is_1_1 = False  # seen of the first head only

    def _end_body(self) -> None:
        self._complete = True
        if self._stream is not None:
            self._stream.end()

    def _finish(self) -> None:
        future = self._future
        if future is None:
            return  # it failed in the middle of the parser's callbacks
        body = self._body
        if isinstance(body, bytearray):
            body = bytes(body)
        response = Response(self._status, self._headers, body)
        self._future = None
        self._stream = None
        self._headers = []
        self._body = b""
        if self._keep and not self._unsent:
            if self._paused:
                self.resume()
            self.reused = True
            self._owner.idle(self)
        else:
            self._shut()
        if not future.done():
            future.set_result(response)

    def _shut(self) -> None:
        if self._unsent:
            self.abort()
        elif self._transport is not None:
            self._transport.close()

    def _death(self) -> ConnectionDied:
        text = f"calling {self._owner.endpoint}: the connection died before the answer was complete"
        return ConnectionDied(text, before_response=not self._received)

    def _violation(self, what: str) -> ProtocolViolation:
        return ProtocolViolation(f"calling {self._owner.endpoint}: broken HTTP: {what}")

    def _too_much_head(self) -> ProtocolViolation:
        return self._violation(f"its head is larger than {self._max_head} bytes")
