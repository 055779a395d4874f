"""What a request head must be, beyond what the parser checks. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import httptools

from gateway.http.headers import Headers
from gateway.http.request import Answer, plain_answer

METHODS = {
    name.encode(): name for name in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
}
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%-]*(?::[0-9]*)?|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
_FRAMING = frozenset((b"content-length", b"expect", b"host", b"transfer-encoding"))


class Refused(Exception):
    """The request is answered here and now, and the connection ends after it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(slots=True)
class Framing:
    """What the head says about the body: its length (None: chunked) and the wish to be asked."""

    length: int | None = 0
    expects: bool = False


class Target(NamedTuple):
    """A request target: path and query as they came, and the authority of an absolute form."""

    path: str
    query: str
    authority: str | None = None


def refuse(status: int, sentence: str) -> Refused:
    """A refusal in plain text."""
    return Refused(plain_answer(status, sentence))


def read_version(version: str) -> str:
    """Raises Refused for anything but HTTP/1.0 and 1.1."""
    if version not in ("1.1", "1.0"):
        raise refuse(505, "Speak HTTP/1.1 or HTTP/1.0.")
    return version


def read_method(method: bytes) -> str:
    """Raises Refused for a method that no route can have."""
    known = METHODS.get(method)
    if known is None:
        raise refuse(501, "The method is not implemented here.")
    return known


def read_target(raw: bytes) -> Target:
    """Raises Refused for a target that is neither a path, an absolute URL nor *."""
    if not raw.isascii() or b"#" in raw:
        raise refuse(400, "The request target must be percent-encoded ASCII without a fragment.")
    target = raw.decode("ascii")
    authority = None
    if not target.startswith("/") and target != "*":
        scheme, _, rest = target.partition("://")
        if scheme.lower() not in ("http", "https") or not rest:
            raise refuse(400, "The request target must be a path.")
        authority, slash, below = rest.partition("/")
        target = slash + below
        if "?" in authority:
            authority, _, query = authority.partition("?")
            target = "/?" + query
    path, _, query = target.partition("?")
    return Target(path or "/", query, authority)


def read_framing(headers: Headers, version: str) -> tuple[Framing, str]:
    """The body's framing and the host. Raises Refused when either leaves room for doubt."""
    framing = Framing()
    hosts = []
    for name, value in headers:
        if name not in _FRAMING:
            continue
        if name == b"host":
            hosts.append(value)
        elif name == b"content-length":
            framing.length = int(value)
        elif name == b"transfer-encoding":
            _check_coding(value, version)
            framing.length = None
        elif name == b"expect":
            framing.expects = _read_expectation(value)
    return framing, read_host(hosts, version)


def read_host(hosts: list[bytes], version: str) -> str:
    """The one Host. Raises Refused when there are several, none in HTTP/1.1, or nonsense."""
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise refuse(400, "A request needs exactly one Host header.")
    host = hosts[0].decode("latin-1") if hosts else ""
    if not _HOST.fullmatch(host):
        raise refuse(400, "The Host header is not a host name with an optional port.")
    return host


def body_parser(
    length: int | None, on_body: Callable[[bytes], None], on_end: Callable[[], None]
) -> httptools.HttpRequestParser:
    """A parser for the body alone, of a request whose wish for an upgrade is ignored.

    The parser of the head ends such a request there. A head of our own, with the same framing,
    makes another parser read on.
    """
    parser = httptools.HttpRequestParser(
        SimpleNamespace(on_body=on_body, on_message_complete=on_end)
    )
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
    return parser


def _check_coding(value: bytes, version: str) -> None:
    if version != "1.1":
        raise refuse(400, "HTTP/1.0 has no Transfer-Encoding.")
    if value.lower() != b"chunked":
        raise refuse(501, "The only Transfer-Encoding understood here is chunked.")


def _read_expectation(value: bytes) -> bool:
    if value.lower() != b"100-continue":
        raise refuse(417, "The only expectation understood here is 100-continue.")
    return True
