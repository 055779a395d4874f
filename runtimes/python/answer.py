"""From what a function returns, yields or raises to an answer."""

import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .request import Headers, Response

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
BYTES = "application/octet-stream"

Stream = Iterator[Any] | AsyncIterator[Any]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_SERVERS_OWN = frozenset((
    "connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
))  # fmt: skip


class Unanswerable(Exception):
    """The function returned what cannot be sent; the message names it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, encoded header lines, and a body or a stream of parts."""

    status: int
    head: bytes
    body: bytes = b""
    stream: Stream | None = None


def answer_from_result(result: Any, response: Response) -> Answer:
    """The answer for a returned value; raises Unanswerable."""
    status, headers = response.status, response.headers
    if is_response(result):
        status, headers = status_of(result), merged(headers, header_pairs(result))
        result = result.body
    elif type(result) is tuple:
        result, status, extra = split_tuple(result, status)
        headers = merged(headers, extra)
    if type(status) is not int or not 200 <= status <= 599:
        raise Unanswerable(f"the status must be a whole number from 200 to 599, not {status!r}")
    if is_stream(result):
        return Answer(status, head_lines(headers, TEXT), stream=result)
    body, content_type = encode_body(result)
    return Answer(status, head_lines(headers, content_type), body)


def is_response(value: Any) -> bool:
    """Whether a value, or an exception, is a response object: a status, headers and a body."""
    return hasattr(value, "body") and (hasattr(value, "status_code") or hasattr(value, "status"))


def status_of(response: Any) -> int:
    """The number, also of a status like '404 Not Found'."""
    status = getattr(response, "status_code", None)
    if status is None:
        status = response.status
    return int(status.split()[0]) if isinstance(status, str) and status[:3].isdigit() else status


def header_pairs(response: Any) -> list[tuple[str, str]]:
    """The response object's headers; `headerlist` keeps repeated ones."""
    pairs = getattr(response, "headerlist", None)
    if pairs is None:
        headers = getattr(response, "headers", None) or {}
        pairs = headers.items() if hasattr(headers, "items") else headers
    return list(pairs)


def split_tuple(result: tuple[Any, ...], status: int) -> tuple[Any, int, list[tuple[str, str]]]:
    """Body, status and headers of `(body, status)` or `(body, status, headers)`."""
    if len(result) not in (2, 3):
        raise Unanswerable(
            f"a returned tuple has 2 or 3 items (body, status, headers), not {len(result)}"
        )
    headers = result[2] if len(result) == 3 else {}
    return result[0], result[1], list(headers.items() if hasattr(headers, "items") else headers)


def merged(headers: Headers, extra: Iterable[tuple[str, str]]) -> Headers:
    """Headers where those of extra replace others of their names."""
    extra = list(extra)
    names = {name.lower() for name, _ in extra}
    return Headers([pair for pair in headers.pairs() if pair[0].lower() not in names] + extra)


def is_stream(value: Any) -> bool:
    """Whether a value comes in parts: a generator or another iterator."""
    return hasattr(value, "__next__") or hasattr(value, "__anext__")


def encode_body(value: Any) -> tuple[bytes, str | None]:
    """The body's bytes and the content type that goes with the value."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace"), TEXT
    if value is None:
        return b"", None
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), BYTES
    try:
        return json.dumps(value, allow_nan=False).encode(), JSON
    except (TypeError, ValueError, RecursionError) as error:
        raise Unanswerable(
            f"the returned {type(value).__name__} cannot be written as JSON: {error}"
        ) from error


def encode_part(part: Any) -> bytes:
    """One part of a stream."""
    if isinstance(part, str):
        return part.encode("utf-8", "replace")
    if isinstance(part, bytes | bytearray | memoryview):
        return bytes(part)
    raise Unanswerable(f"a streamed part must be str or bytes, not {type(part).__name__}")


def head_lines(headers: Headers, content_type: str | None) -> bytes:
    """Header lines, without those that are the server's own."""
    lines: list[str] = []
    for name, value in headers.pairs():
        lowered = name.lower()
        if lowered in _SERVERS_OWN:
            continue
        if lowered == "content-type":
            content_type = None
        lines.append(header_line(name, str(value)))
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}\r\n")
    return "".join(lines).encode("latin-1", "replace")


def header_line(name: str, value: str) -> str:
    """One line; raises Unanswerable for what would break the response."""
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise Unanswerable(f"the response header {name!r} has a character that HTTP does not allow")
    return f"{name}: {value}\r\n"
