"""Reads one caller's bytes as requests, strictly, and refuses what it must not read."""

import logging
from collections import deque

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
from gateway.http.request import Answer, CallerConnection, Request, plain_answer

logger = logging.getLogger(__name__)

# A refused request's small body is read and dropped, so that the connection can go on.
_DRAINED_BODY = 64 * 1024


class RequestReader:
    """Appends to `requests` each request whose head has arrived, and completes it by its body.

    A refusal is a request too: one that has its answer already. After most of them nothing more
    is read, and `over` says so.
    """

    __slots__ = (
        "_body",
        "_body_size",
        "_caller",
        "_headers",
        "_limit",
        "_overhead",
        "_parser",
        "_requests",
        "_reserved",
        "_server",
        "_skips_body",
        "_url",
        "begun",
        "current",
        "cut",
        "expects",
        "over",
    )

    def __init__(
        self, server: ConnectionServer, caller: CallerConnection, requests: deque[Request]
    ) -> None:
        self._server = server
        self._caller = caller
        self._requests = requests
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._overhead = 0  # bytes since the last progress
        self._body: bytes | bytearray = b""
        self._body_size = 0
        self._reserved = 0
        self._limit = 0
        self._skips_body = False
        self.begun = False  # some of a request has arrived, and not yet all of it
        self.current: Request | None = None  # the one that has begun, once its head is whole
        self.expects = False  # the caller waits for a word before it sends the body
        self.cut = False  # a request was refused before it was read whole
        self.over = False  # nothing more is read as a request

    def feed(self, data: memoryview) -> None:
        """Read on. What is wrong with the bytes becomes a refusal."""
        rest = data
        while rest and not self.over:
            self._overhead += len(rest)
            rest = self._parse(rest)
        # The parser keeps an unfinished header line itself: its callbacks alone bound nothing.
        if self._overhead > self._server.settings.max_head and not self.over:
            self.refuse(plain_answer(431, "The request's head is too large."))

    def refuse(self, answer: Answer) -> None:
        """Answer, after what is pending; nothing more is read."""
        request = self.current
        if request is None:
            request = self._begin("", b"", "1.1")
        request.complete = True
        request.keep_alive = False
        request.refusal = answer
        self.cut = True
        self.stop()

    def stop(self) -> None:
        """Read no more; a request that has begun is left as it is."""
        self.current = None
        self.begun = False
        self.over = True

    def answered(self, request: Request) -> None:
        """Give back what the body of a request took of the server's memory."""
        if self._reserved:
            self._server.reserve(-len(request.body))
            self._reserved -= len(request.body)

    def close(self) -> None:
        """Stop, give everything back, and let go of the caller; nothing may be fed after this."""
        self.stop()
        self._server.reserve(-self._reserved)
        self._reserved = 0
        del self._parser, self._caller  # each holds us too: a cycle

    def on_message_begin(self) -> None:
        self.begun = True
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.current is None:  # else a trailer
            self._headers.append((name.lower(), value.strip()))

    def on_headers_complete(self) -> None:
        if self.over:
            return
        parser = self._parser
        method = read_method(parser.get_method())
        request = self._begin(method, self._url, read_version(parser.get_http_version()))
        self.current = request
        self._read_head(request, parser)

    def on_body(self, body: bytes) -> None:
        request = self.current
        if request is None:
            return
        self._overhead = 0
        self.expects = False
        self._body_size += len(body)
        if request.refusal is not None:
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
        request = self.current
        if request is None or self._skips_body:
            return
        self.current = None
        self.begun = False
        self.expects = False
        self._overhead = 0
        body = self._body
        request.body = body if isinstance(body, bytes) else bytes(body)
        request.complete = True
        self.over = not request.keep_alive

    def _begin(self, method: str, target: bytes, version: str) -> Request:
        request = Request(self._caller, method, target, version)
        self._requests.append(request)
        return request

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
        self.expects = framing.expects and framing.length != 0 and request.version == "1.1"
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
            if length is None or length > _DRAINED_BODY or self.expects:
                raise Refused(verdict)
            request.refusal = verdict
            return
        self._limit = verdict
        if length is not None and length > verdict:
            raise refuse(413, f"The body is larger than the {verdict} bytes allowed here.")

    def _end_of_body(self) -> None:
        self._skips_body = False
        self.on_message_complete()

    def _parse(self, data: memoryview) -> memoryview:
        """Return what follows a request that asks for an upgrade: the parser stops behind it."""
        parser = self._parser
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._parser is parser:
                self._parser = httptools.HttpRequestParser(self)
            return data[upgrade.args[0] :]
        except httptools.HttpParserCallbackError as error:
            self.refuse(self._answer_to(error.__context__))
        except httptools.HttpParserError as error:
            if not self.over:
                self.refuse(plain_answer(400, f"This is not valid HTTP/1.1: {error}."))
        return data[:0]

    def _answer_to(self, error: BaseException | None) -> Answer:
        if isinstance(error, Refused):
            return error.answer
        logger.error("%s: reading a request failed", self._caller.peer, exc_info=error)
        return plain_answer(500, "The request could not be read.")
