"""HTTP/1.1 as bytes: request heads, chunked bodies and response heads. Pure and strict."""

import re
import time
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

HEAD_LIMIT = 64 * 1024
HEADER_COUNT_LIMIT = 200

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([!-~\x80-\xff]+) HTTP/1\.([01])")
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_LENGTH = re.compile(r"[0-9]{1,15}")
_ONCE = frozenset(("content-length", "host", "transfer-encoding", "content-type"))


class BadRequest(Exception):
    """The client broke the protocol or a limit; the status and a sentence say how."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head; `lower` finds a header by its lower-case name."""

    method: str
    target: str
    version: int
    headers: list[tuple[str, str]]
    lower: dict[str, str]
    length: int | None
    keep_alive: bool

    @property
    def path(self) -> str:
        """The target without its query, still encoded."""
        return self.target.partition("?")[0]


def parse_head(raw: bytes) -> Head:
    """The head from its bytes without the empty line; raises BadRequest."""
    first, *lines = raw.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise BadRequest(400, "the request line is not 'METHOD target HTTP/1.1'")
    if len(lines) > HEADER_COUNT_LIMIT:
        raise BadRequest(431, f"the request has more than {HEADER_COUNT_LIMIT} headers")
    version = int(line[3])
    headers, lower = parse_headers(lines)
    if version and "host" not in lower:
        raise BadRequest(400, "the request has no Host header")
    return Head(
        method=line[1].decode("ascii"),
        target=origin_form(line[2].decode("latin-1")),
        version=version,
        headers=headers,
        lower=lower,
        length=body_length(lower, version),
        keep_alive=wants_keep_alive(lower, version),
    )


def parse_headers(lines: list[bytes]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Header pairs in order, and the same by lower-case name with repeated values joined."""
    pairs: list[tuple[str, str]] = []
    lower: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise BadRequest(400, "a header line is malformed")
        name = match[1].decode("ascii")
        value = match[2].decode("latin-1").rstrip(" \t")
        key = name.lower()
        if key in lower:
            if key in _ONCE:
                raise BadRequest(400, f"the {key} header is repeated")
            lower[key] += ", " + value
        else:
            lower[key] = value
        pairs.append((name, value))
    return pairs, lower


def origin_form(target: str) -> str:
    """The target as path and query; absolute targets lose scheme and host."""
    if target.startswith("/") or target == "*":
        return target
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        raise BadRequest(400, "the request target is not a path")
    cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    path = rest[cut:]
    return path if path.startswith("/") else "/" + path


def body_length(lower: dict[str, str], version: int) -> int | None:
    """Bytes of body that follow, or None for a chunked body."""
    length = lower.get("content-length")
    if (encoding := lower.get("transfer-encoding")) is not None:
        if length is not None:
            raise BadRequest(400, "the request has both Content-Length and Transfer-Encoding")
        if encoding.lower() != "chunked" or not version:
            raise BadRequest(501, "the only transfer encoding understood is chunked, in HTTP/1.1")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise BadRequest(400, "the Content-Length is not a number")
    return int(length)


def wants_keep_alive(lower: dict[str, str], version: int) -> bool:
    """Whether the client lets the connection live on."""
    if "connection" not in lower:
        return version == 1
    options = {option.strip().lower() for option in lower["connection"].split(",")}
    return "close" not in options and (version == 1 or "keep-alive" in options)


class ChunkedBody:
    """Collects a chunked body; bounded by limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = -1
        self._trailer = False
        self.body = bytearray()

    def feed(self, buffer: bytearray) -> bool:
        """Take what buffer has; True when the body is whole. Raises BadRequest."""
        while not self._trailer:
            if self._left < 0 and not self._size(buffer):
                return False
            if not self._data(buffer):
                return False
        return self._trailers(buffer)

    def _size(self, buffer: bytearray) -> bool:
        line = take_line(buffer)
        if line is None:
            return False
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise BadRequest(400, "a chunk size is malformed")
        self._left = int(match[1], 16)
        if len(self.body) + self._left > self._limit:
            raise BadRequest(413, f"the body is larger than {self._limit} bytes")
        self._trailer = self._left == 0
        return True

    def _data(self, buffer: bytearray) -> bool:
        if self._trailer:
            return True
        if self._left:
            taken = buffer[: self._left]
            del buffer[: len(taken)]
            self.body += taken
            self._left -= len(taken)
        if self._left or len(buffer) < 2:
            return False
        if buffer[:2] != b"\r\n":
            raise BadRequest(400, "a chunk is longer than its size says")
        del buffer[:2]
        self._left = -1
        return True

    def _trailers(self, buffer: bytearray) -> bool:
        while (line := take_line(buffer)) is not None:
            if not line:
                return True
        return False


def take_line(buffer: bytearray) -> bytes | None:
    """The first line, removed from buffer; None while it has no end."""
    end = buffer.find(b"\r\n", 0, 4096)
    if end < 0:
        if len(buffer) >= 4096:
            raise BadRequest(400, "a line in the chunked body is too long")
        return None
    line = bytes(buffer[:end])
    del buffer[: end + 2]
    return line


STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def status_line(status: int) -> bytes:
    """The first line of a response."""
    return STATUS_LINES.get(status) or f"HTTP/1.1 {status} Status\r\n".encode()


@lru_cache(maxsize=1)
def date_line(now: int) -> bytes:
    """The Date header line, made once a second."""
    return time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime(now)).encode()


def has_body(method: str, status: int) -> bool:
    """Whether a response to method with status carries a body."""
    return method != "HEAD" and status not in (204, 304)
