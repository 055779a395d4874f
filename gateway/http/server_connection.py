"""One caller's connection to the front door: requests in, answers out, in order."""

import asyncio
import logging
from collections import deque
from typing import cast

import httptools

from gateway.http.front import ConnectionServer
from gateway.http.reading import (
    Refused,
    body_parser,
    read_framing,
    read_host,
    read_method,
    read_target,
    read_version,
    refuse,
)
from gateway.http.request import Answer, Request, plain_answer
from gateway.http.sweep import FOREVER

logger = logging.getLogger(__name__)

# A refused request's small body is read and dropped, so that the connection can go on.
_DRAINED_BODY = 64 * 1024
_LINGER_BYTES = 1024 * 1024
# Requests read ahead of the one that is being answered.
_PIPELINED = 2


class ServerConnection(asyncio.BufferedProtocol):
    """Parses requests strictly and answers them one at a time, in order.

    A caller that closes its side while an answer is pending counts as gone.
    """

    __slots__ = (
        "_advancing",
        "_body",
        "_body_size",
        "_congested",
        "_cut",
        "_expects",
        "_final",
        "_headers",
        "_in_head",
        "_limit",
        "_lingering",
        "_overhead",
        "_parser",
        "_paused",
        "_queue",
        "_reading",
        "_refusals",
        "_reserved",
        "_server",
        "_skips_body",
        "_transport",
        "_url",
        "deadline",
        "peer",
    )

    def __init__(self, server: ConnectionServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        # Requests whose head has arrived, in order; the first one is being answered.
        self._queue: deque[Request] = deque()
        self._refusals: dict[Request, Answer] = {}
        self._reading: Request | None = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._overhead = 0  # bytes since the last progress
        self._body: bytes | bytearray = b""
        self._body_size = 0
        self._reserved = 0
        self._limit = 0
        self._expects = False
        self._in_head = False
        self._skips_body = False
        self._final = False  # nothing more is read as a request
        self._cut = False  # a request was refused before it was read whole
        self._lingering = False
        self._congested = False
        self._paused = False
        self._advancing = False
        self.deadline = FOREVER
        self.peer = ""

    @property
    def idle(self) -> bool:
        """Between two requests, with nothing of the next one read."""
        return not self._queue and not self._in_head and not self._lingering

    def close(self) -> None:
        """Close once everything written has been sent."""
        if self._transport is not None:
            self._transport.close()

    def expire(self) -> None:
        """The deadline passed: say so when the caller is sending, else close."""
        self.deadline = FOREVER
        if self._lingering or self._congested:
            self.abort()
        elif self._reading is not None or self._in_head:
            self._refuse(plain_answer(408, "The request did not arrive in time."))
            self._advance()
        else:
            self.close()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def keeps_alive(self, request: Request) -> bool:
        return request.keep_alive and not self._server.draining

    def date_line(self) -> bytes:
        return self._server.date_line()

    def finished(self, request: Request) -> None:
        self._queue.popleft()
        if self._reserved:
            self._server.reserve(-len(request.body))
            self._reserved -= len(request.body)
        if not self.keeps_alive(request):
            self._finish()
            return
        if self._paused and len(self._queue) < _PIPELINED:
            self._paused = False
            self._resume()
        if not self._advancing:
            self._advance()
            self._watch()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peername = transport.get_extra_info("peername")
        self.peer = str(peername[0]) if isinstance(peername, tuple) else ""
        if self._server.opened(self):
            self._watch()
            return
        self._refuse(plain_answer(503, "Too many connections; try again soon."))
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._parser = None  # it holds our bound methods: a cycle
        self._reading = None
        self._final = True
        self._server.reserve(-self._reserved)
        self._reserved = 0
        waiting = list(self._queue)
        self._queue.clear()
        for request in waiting:
            request.lost()
        self._server.lost(self)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._congested = True
        if self._queue:
            self._queue[0].congested()
        self._watch()

    def resume_writing(self) -> None:
        self._congested = False
        if self._queue:
            self._queue[0].drained()
        self._advance()
        self._watch()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._final:
            self._drop(nbytes)
            return
        progress = self._in_head and self._reading is None
        self._feed(self._server.buffer[:nbytes])
        self._advance()
        if not (progress and self._in_head and self._reading is None):
            self._watch()  # a head's time runs from its first byte

    def on_message_begin(self) -> None:
        self._in_head = True
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reading is None:  # else a trailer
            self._headers.append((name.lower(), value.strip()))

    def on_headers_complete(self) -> None:
        if self._final:
            return
        parser = self._parser
        assert parser is not None
        method = read_method(parser.get_method())
        request = Request(self, method, self._url, read_version(parser.get_http_version()))
        self._queue.append(request)
        self._reading = request
        self._read_head(request, parser)

    def on_body(self, body: bytes) -> None:
        request = self._reading
        if request is None:
            return
        self._overhead = 0
        self._expects = False
        self._body_size += len(body)
        if request in self._refusals:
            return
        if self._body_size > self._limit:
            raise refuse(413, f"The body is larger than the {self._limit} bytes allowed here.")
        if not self._server.reserve(len(body)):
            raise refuse(503, "Too many requests are in memory; try again soon.")
        self._reserved += len(body)
        held = self._body
        if isinstance(held, bytearray):
            held += body
        else:
            self._body = bytearray(held + body) if held else body

    def on_message_complete(self) -> None:
        request = self._reading
        if request is None or self._skips_body:
            return
        self._reading = None
        self._in_head = False
        self._expects = False
        self._overhead = 0
        body = self._body
        request.body = body if isinstance(body, bytes) else bytes(body)
        request.complete = True
        self._final = not request.keep_alive

    def _read_head(self, request: Request, parser: httptools.HttpRequestParser) -> None:
        self._check_size()
        target = read_target(self._url)
        framing, host = read_framing(self._headers, request.version)
        if target.authority is not None:
            host = read_host([target.authority.encode()], request.version)
        request.path, request.query, request.host = target.path, target.query, host
        request.headers = self._headers
        request.keep_alive = parser.should_keep_alive()
        self._body = b""
        self._body_size = 0
        self._expects = framing.expects and framing.length != 0 and request.version == "1.1"
        self._skips_body = parser.should_upgrade() and framing.length != 0
        if self._skips_body:
            request.keep_alive = False
            self._parser = body_parser(framing.length, self.on_body, self._end_of_body)
        self._admit(request, framing.length)

    def _check_size(self) -> None:
        settings, headers = self._server.settings, self._headers
        too_large = self._overhead > settings.max_head and (
            sum(len(name) + len(value) + 4 for name, value in headers) > settings.max_head
        )
        if too_large or len(headers) > settings.max_headers:
            raise refuse(431, "The request's head is too large.")

    def _admit(self, request: Request, length: int | None) -> None:
        verdict = self._server.application.limit_for(request)
        if isinstance(verdict, Answer):
            if length is None or length > _DRAINED_BODY or self._expects:
                raise Refused(verdict)
            self._refusals[request] = verdict
            return
        self._limit = verdict
        if length is not None and length > verdict:
            raise refuse(413, f"The body is larger than the {verdict} bytes allowed here.")

    def _end_of_body(self) -> None:
        self._skips_body = False
        self.on_message_complete()

    def _feed(self, data: memoryview) -> None:
        self._overhead += len(data)
        parser = self._parser
        assert parser is not None
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade(parser, data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            self._refuse(self._answer_to(error.__context__))
        except httptools.HttpParserError as error:
            if not self._final:
                self._refuse(plain_answer(400, f"This is not valid HTTP/1.1: {error}."))
        # The parser keeps an unfinished header line itself: its callbacks alone bound nothing.
        if self._overhead > self._server.settings.max_head and not self._final:
            self._refuse(plain_answer(431, "The request's head is too large."))

    def _after_upgrade(self, parser: httptools.HttpRequestParser, rest: memoryview) -> None:
        if self._parser is parser:
            self._parser = httptools.HttpRequestParser(self)
        if rest and not self._final:
            self._feed(rest)

    def _answer_to(self, error: BaseException | None) -> Answer:
        if isinstance(error, Refused):
            return error.answer
        logger.error("%s: reading a request failed", self.peer, exc_info=error)
        return plain_answer(500, "The request could not be read.")

    def _refuse(self, answer: Answer) -> None:
        """Answer, after what is pending, and end the connection; nothing more is read."""
        request = self._reading
        if request is None:
            request = Request(self, "", b"", "1.1")
            self._queue.append(request)
        request.complete = True
        request.keep_alive = False
        self._refusals[request] = answer
        self._reading = None
        self._in_head = False
        self._cut = True
        self._final = True

    def _advance(self) -> None:
        """Serve the next request when its turn has come."""
        if self._advancing:
            return
        self._advancing = True
        queue = self._queue
        try:
            while queue and queue[0].complete and not self._congested:
                request = queue[0]
                if request.served:
                    break
                request.served = True
                self._serve(request)
        finally:
            self._advancing = False
        if self._expects and queue and queue[0] is self._reading:
            self._expects = False
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(queue) > _PIPELINED and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _serve(self, request: Request) -> None:
        answer = self._refusals.pop(request, None)
        if answer is not None:
            request.respond(answer.status, answer.headers, answer.body)
        else:
            self._server.application.serve(request)

    def _finish(self) -> None:
        """The last answer is written: end the connection so that the caller can read it."""
        self._final = True
        self._queue.clear()
        if self._transport is None:
            return
        if not self._cut and self._reading is None:
            self._transport.close()
            return
        # A reset would take the answer from a caller that is still sending.
        self._lingering = True
        self._overhead = 0
        self._reading = None
        self._resume()
        self._transport.write_eof()
        self._watch()

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _drop(self, nbytes: int) -> None:
        self._overhead += nbytes
        if self._overhead > _LINGER_BYTES:
            self.abort()

    def _watch(self) -> None:
        """Set the deadline of what we wait for; while an answer is pending, there is none."""
        settings = self._server.settings
        if self._lingering:
            wait = settings.linger
        elif self._congested:
            wait = settings.write_timeout
        elif self._queue and self._queue[0].complete:
            self.deadline = FOREVER
            return
        elif self._reading is not None:
            wait = settings.body_timeout
        elif self._in_head:
            wait = settings.head_timeout
        else:
            wait = settings.idle
        self.deadline = asyncio.get_running_loop().time() + wait
        if self.deadline < self._server.sweep.next:
            self._server.sweep.watch(self.deadline)
