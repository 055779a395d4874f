"""Header lines: what may pass a hop, how they are encoded, what the gateway adds. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from gateway.http.errors import InvalidHeader

Headers = list[tuple[bytes, bytes]]

_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_FORWARDED = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"))
_PLAIN = bytes(code for code in range(0x21, 0x7F) if code not in b'"%')
_PERCENT = [bytes((code,)) if code in _PLAIN else b"%%%02X" % code for code in range(256)]
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hop:
    """How a request reached us: the peer's address, the host it asked for, and the scheme."""

    peer: bytes
    host: bytes
    scheme: bytes = b"http"


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers that may pass to the next hop (RFC 9110 7.6.1). Names are lower-case."""
    kept: Headers = []
    named: list[bytes] = []
    for header in headers:
        if header[0] not in _HOP_BY_HOP:
            kept.append(header)
        elif header[0] == b"connection":
            named.append(header[1])
    if not named:
        return kept
    dropped = connection_options(named)
    return [header for header in kept if header[0] not in dropped]


def connection_options(values: Iterable[bytes]) -> frozenset[bytes]:
    """The options that Connection headers name, in lower case."""
    return frozenset(option.strip().lower() for value in values for option in value.split(b","))


def encode_headers(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The header lines on the wire, without the blank line after them.

    Raises InvalidHeader when a name is no token or a value could break out of its line.
    """
    lines = []
    for name, value in headers:
        if not name or name.translate(None, _TOKEN):
            raise InvalidHeader(
                f"encoding header {name!r}: a name is made of letters, digits and !#$%&'*+-.^_`|~"
            )
        lines.append(b"%b: %b\r\n" % (name, value))
    block = b"".join(lines)
    count = len(lines)
    if block.count(b"\n") != count or block.count(b"\r") != count or b"\0" in block:
        raise InvalidHeader(f"encoding header {_unsafe(headers)}: a value holds CR, LF or NUL")
    return block


def _unsafe(headers: Sequence[tuple[bytes, bytes]]) -> str:
    names = (name for name, value in headers if value.translate(None, b"\r\n\0") != value)
    return next(names, b"").decode("ascii", "replace")


def encode_request(method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A whole request head, blank line included. The caller gives Host and Content-Length."""
    if not method or method.translate(None, _TOKEN):
        raise InvalidHeader(f"encoding a request: {method!r} is no method")
    if not target or any(code <= 0x20 or code >= 0x7F for code in target):
        raise InvalidHeader("encoding a request: percent-encode the target, spaces included")
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, target, encode_headers(headers))


def with_forwarded(headers: Headers, hop: Hop, *, trusted: bool) -> Headers:
    """The headers with X-Forwarded-For, -Proto and -Host of this hop.

    What the peer itself claims is kept (and the peer appended) only when it is trusted.
    """
    kept = [header for header in headers if header[0] not in _FORWARDED]
    chain, proto, host = hop.peer, hop.scheme, hop.host
    if trusted:
        claims = dict(header for header in headers if header[0] in _FORWARDED)
        earlier = [value for name, value in headers if name == b"x-forwarded-for"]
        chain = b", ".join((*earlier, hop.peer))
        proto = claims.get(b"x-forwarded-proto", proto)
        host = claims.get(b"x-forwarded-host", host)
    kept.append((b"x-forwarded-for", chain))
    kept.append((b"x-forwarded-proto", proto))
    kept.append((b"x-forwarded-host", host))
    return kept


def encode_attribute(text: str) -> bytes:
    """A CloudEvents attribute as a header value (HTTP binding 3.1.3.2: percent-encoded UTF-8)."""
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidHeader("encoding a CloudEvents attribute: a lone surrogate") from error
    if not raw.translate(None, _PLAIN):
        return raw
    return b"".join([_PERCENT[code] for code in raw])


def decode_attribute(value: bytes) -> str:
    """The CloudEvents attribute in a header value: unquoted, percent-decoded once, strict UTF-8."""
    if value[:1] != b'"' and b"%" not in value:
        return _utf8(value)
    text = value.decode("latin-1")
    if text.startswith('"'):
        text = _unquoted(text)
    return _utf8(unquote_to_bytes(text.encode("latin-1")))


def _unquoted(text: str) -> str:
    if not _QUOTED.fullmatch(text):
        raise InvalidHeader("decoding a CloudEvents header: the quoted string is not closed")
    return _ESCAPE.sub(r"\1", text[1:-1])


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidHeader("decoding a CloudEvents header: the value is not UTF-8") from error
