"""One request to the front door, and the answer to it: whole, or streamed as it comes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from gateway.http.flow import Flow
from gateway.http.headers import Headers, encode_headers, end_to_end

_STATUS_LINES = {
    each.value: b"HTTP/1.1 %d %b\r\n" % (each.value, each.phrase.encode("ascii"))
    for each in HTTPStatus
}
_BODILESS = frozenset((204, 304))


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. The server adds Date, Content-Length and Connection."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


def plain_answer(status: int, sentence: str) -> Answer:
    """An answer in plain text; the sentence tells the caller what to change."""
    body = sentence.encode() + b"\n"
    return Answer(status, ((b"content-type", b"text/plain; charset=utf-8"),), body)


class CallerConnection(Protocol):
    """What a request needs of the connection it came on."""

    peer: str

    def write(self, data: bytes) -> None:
        """Send bytes of the current answer."""

    def finished(self, request: "Request") -> None:
        """The current answer is whole."""

    def abort(self) -> None:
        """Close at once."""

    def keeps_alive(self, request: "Request") -> bool:
        """Whether another request may follow this answer."""

    def date_line(self) -> bytes:
        """The Date header line of this second."""


class Request:
    """A request whose head (and, once it is served, whole body) has arrived.

    Answer it exactly once: `respond`, or `start`, `write`… and `end`, or `abort`. It is a
    BodyStream, so that a function's answer can be streamed to the caller without anything in
    between. Once the caller is gone, answering does nothing.
    """

    __slots__ = (
        "_caller",
        "_chunked",
        "_corked",
        "_flow",
        "_index",
        "_left",
        "_mute",
        "_out",
        "body",
        "complete",
        "context",
        "headers",
        "host",
        "keep_alive",
        "method",
        "on_congested",
        "on_drained",
        "on_gone",
        "path",
        "peer",
        "query",
        "refusal",
        "served",
        "started",
        "target",
        "version",
    )

    def __init__(self, caller: CallerConnection, method: str, target: bytes, version: str) -> None:
        self._caller: CallerConnection | None = caller
        self._flow: Flow | None = None
        self._index: dict[bytes, bytes] | None = None
        self._corked = False
        self._out: list[bytes] = []
        self._chunked = False
        self._mute = False
        self._left: int | None = None
        self.peer = caller.peer
        self.method = method
        self.target = target
        self.version = version
        self.path = ""
        self.query = ""
        self.host = ""
        self.headers: Headers = []
        self.body = b""
        self.complete = False
        self.served = False
        self.keep_alive = False
        # Its answer when it was refused as it was read; the application does not serve it.
        self.refusal: Answer | None = None
        # Free for the application, for instance the matched route.
        self.context: object = None
        self.started = False
        self.on_gone: Callable[[], None] | None = None
        self.on_congested: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None

    @property
    def gone(self) -> bool:
        """Whether nobody is left to answer: the answer is whole, or the caller went away."""
        return self._caller is None

    def header(self, name: bytes) -> bytes | None:
        """A header by its lower-case name; several lines of one name are joined by commas."""
        if self._index is None:
            self._index = _joined(self.headers)
        return self._index.get(name)

    def respond(
        self, status: int, headers: Sequence[tuple[bytes, bytes]] = (), body: bytes = b""
    ) -> None:
        """Send a whole answer."""
        caller = self._caller
        if caller is None:
            return
        self._begin(status)
        length = b"" if status in _BODILESS else b"content-length: %d\r\n" % len(body)
        kept = [header for header in end_to_end(headers) if header[0] != b"content-length"]
        head = self._head(caller, status, kept, length)
        caller.write(head if self._mute else head + body)
        self._finish(caller)

    def attach(self, flow: Flow) -> None:
        """Let the source of a streamed answer be paused and stopped; it promises to flush."""
        self._flow = flow
        self._corked = True

    def start(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Begin a streamed answer. With a Content-Length among the headers, that is the framing;
        otherwise chunks, or for HTTP/1.0 the end of the connection."""
        caller = self._caller
        if caller is None:
            return
        self._begin(status)
        kept = end_to_end(headers)
        if status != 204:
            self._left = next(
                (int(value) for name, value in kept if name == b"content-length"), None
            )
        else:
            kept = [header for header in kept if header[0] != b"content-length"]
        framing = b"" if self._mute or self._left is not None else self._unknown_length()
        self._send(self._head(caller, status, kept, framing))

    def write(self, chunk: bytes) -> None:
        """Send a part of a streamed answer."""
        if not chunk or self._mute or self._caller is None:
            return
        if self._left is not None:
            self._left -= len(chunk)
            if self._left < 0:
                self.abort()
                raise ValueError(f"answering {self.path}: more bytes than the Content-Length says")
        self._send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked else chunk)

    def flush(self) -> None:
        """Send what a corked stream has gathered."""
        if self._out and self._caller is not None:
            data = b"".join(self._out)
            self._out.clear()
            self._caller.write(data)

    def end(self) -> None:
        """Complete a streamed answer; one that is shorter than it said is cut off instead."""
        caller = self._caller
        if caller is None:
            return
        if self._left and not self._mute:
            self.abort()
            return
        if self._chunked:
            self._out.append(b"0\r\n\r\n")
        self.flush()
        self._finish(caller)

    def abort(self) -> None:
        """Cut the caller off: the only honest end of an answer that has begun and cannot go on."""
        caller = self._caller
        if caller is not None:
            self._caller = None
            caller.abort()

    def lost(self) -> None:
        """The caller went away before the answer was whole."""
        if self._caller is None:
            return
        self._caller = None
        if self._flow is not None:
            self._flow.abandon()
        if self.on_gone is not None:
            self.on_gone()

    def congested(self) -> None:
        """The caller does not read as fast as we write."""
        if self._flow is not None:
            self._flow.pause()
        if self.on_congested is not None:
            self.on_congested()

    def drained(self) -> None:
        """The caller has caught up."""
        if self._flow is not None:
            self._flow.resume()
        if self.on_drained is not None:
            self.on_drained()

    def _begin(self, status: int) -> None:
        if self.started:
            raise RuntimeError(f"answering {self.path}: it has been answered already")
        if not 200 <= status <= 599:
            raise ValueError(f"answering {self.path}: {status} is no final status")
        self.started = True
        self._mute = self.method == "HEAD" or status in _BODILESS

    def _unknown_length(self) -> bytes:
        if self.version == "1.1":
            self._chunked = True
            return b"transfer-encoding: chunked\r\n"
        self.keep_alive = False
        return b""

    def _head(
        self, caller: CallerConnection, status: int, headers: Headers, framing: bytes
    ) -> bytes:
        line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        date = b"" if any(name == b"date" for name, _ in headers) else caller.date_line()
        connection = b""
        if not caller.keeps_alive(self):
            connection = b"connection: close\r\n"
        elif self.version != "1.1":
            connection = b"connection: keep-alive\r\n"
        return b"".join((line, date, connection, framing, encode_headers(headers), b"\r\n"))

    def _send(self, data: bytes) -> None:
        if self._corked:
            self._out.append(data)
        elif self._caller is not None:
            self._caller.write(data)

    def _finish(self, caller: CallerConnection) -> None:
        self._caller = None
        self._flow = None
        caller.finished(self)


def _joined(headers: Headers) -> dict[bytes, bytes]:
    index: dict[bytes, bytes] = {}
    for name, value in headers:
        index[name] = index[name] + b", " + value if name in index else value
    return index
