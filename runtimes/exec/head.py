"""The head of an answer, as a program writes it: the lines of a CGI response (RFC 3875, 6.3)."""

from dataclasses import dataclass

HEAD_LIMIT = 64 * 1024


class BadHead(Exception):
    """The head cannot be understood; the message quotes its line."""


@dataclass(frozen=True, slots=True)
class Head:
    """A status, headers, and whether the body shall be sent as it comes."""

    status: int
    headers: list[tuple[str, str]]
    streamed: bool


def head_from_bytes(written: bytes) -> Head:
    """The head; 200 without headers when nothing was written. Raises BadHead."""
    if len(written) > HEAD_LIMIT:
        raise BadHead(f"the head of the answer is larger than {HEAD_LIMIT} bytes")
    pairs = [pair(line) for line in written.decode("latin-1").split("\n") if line.strip()]
    status = [value for name, value in pairs if name.lower() == "status"]
    encodings = [value.lower() for name, value in pairs if name.lower() == "transfer-encoding"]
    headers = [one for one in pairs if one[0].lower() != "status"]
    return Head(status_from(status[-1]) if status else 200, headers, "chunked" in encodings)


def pair(line: str) -> tuple[str, str]:
    """The name and value of one line."""
    name, colon, value = line.partition(":")
    if not colon:
        raise BadHead(f"descriptor 3 got {line[:80]!r}: write lines like 'Status: 201'")
    return name, value.removesuffix("\r").strip(" \t")


def status_from(value: str) -> int:
    """The number of a status, which a reason may follow."""
    number = value.split()[0] if value.split() else ""
    if not (number.isascii() and number.isdigit()):
        raise BadHead(f"descriptor 3 got the status {value[:80]!r}: write one like 'Status: 201'")
    return int(number)
