"""Requests that break the protocol are refused with a status, a sentence and a closed door."""

import pytest

from tests.conformance.runtimes.launcher import Launcher, Running, read_answer

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"

REFUSED = {
    "no-request": (400, b"hello\r\n\r\n"),
    "http-2": (400, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "no-host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two-hosts": (400, GET + b"Host: b\r\n\r\n"),
    "space-in-target": (400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "relative-target": (400, b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    "space-before-colon": (400, GET + b"A : b\r\n\r\n"),
    "folded-header": (400, GET + b"A: b\r\n c\r\n\r\n"),
    "bare-line-feed": (400, GET + b"A: b\nC: d\r\n\r\n"),
    "nul-in-header": (400, GET + b"A: \x00\r\n\r\n"),
    "nul-after-blanks": (400, GET + b"A: b" + b" " * 60_000 + b"\x00\r\n\r\n"),
    "length-and-chunked": (
        400,
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "two-lengths": (400, POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
    "list-of-lengths": (400, POST + b"Content-Length: 1, 1\r\n\r\na"),
    "negative-length": (400, POST + b"Content-Length: -1\r\n\r\n"),
    "signed-length": (400, POST + b"Content-Length: +1\r\n\r\na"),
    "bad-chunk": (400, POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
    "long-chunk": (400, POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"),
    "unknown-encoding": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
    "unknown-expectation": (417, POST + b"Content-Length: 1\r\nExpect: more\r\n\r\n"),
    "large-head": (431, GET + b"A: " + b"x" * 66_000 + b"\r\n\r\n"),
    "many-headers": (431, GET + b"A: b\r\n" * 300 + b"\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_malformed_request_is_refused(vector_servers: dict[str, Running], name: str) -> None:
    status, raw = REFUSED[name]
    connection = vector_servers["echo"].connect()
    connection.sendall(raw)
    answer = read_answer(connection)
    assert (answer.status, answer.headers["Connection"]) == (status, "close")
    assert answer.body.endswith(b"\n")
    assert connection.recv(1) == b""


@pytest.mark.parametrize(
    "raw",
    [
        POST + b"Content-Length: 11\r\n\r\nhello world",
        POST + b"Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
    ],
    ids=["length", "chunked"],
)
def test_a_body_beyond_the_limit_is_refused(launcher: Launcher, raw: bytes) -> None:
    with launcher.running("echo", FUNC_BODY_LIMIT="10") as server:
        answer = server.send(raw)
        assert (answer.status, answer.body) == (413, b"the body is larger than 10 bytes\n")
        assert server.call("/", "POST", body=b"hello worl").status == 200


def test_a_request_may_come_byte_by_byte(vector_servers: dict[str, Running]) -> None:
    connection = vector_servers["echo"].connect()
    raw = POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    for byte in raw:
        connection.sendall(bytes([byte]))
    assert read_answer(connection).json()["data"] == {"bytes": "abc"}


def test_a_header_may_be_full_of_blanks(vector_servers: dict[str, Running]) -> None:
    """Where each blank could be the last, a search that goes back takes minutes, or gives up."""
    answer = vector_servers["echo"].send(GET + b"A: b" + b" " * 60_000 + b"c\r\n\r\n")
    assert answer.status == 200
