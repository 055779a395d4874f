"""HTTP/1.1 as bytes."""

import pytest

from runtimes.python.wire import BadRequest, ChunkedBody, date_line, parse_head, status_line

CHUNKED = b"3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"


def test_a_chunked_body_is_the_same_however_it_is_split() -> None:
    for cut in range(len(CHUNKED)):
        body = ChunkedBody(100)
        buffer = bytearray(CHUNKED[:cut])
        assert not body.feed(buffer)
        buffer += CHUNKED[cut:] + b"GET /next"
        assert body.feed(buffer)
        assert (bytes(body.body), bytes(buffer)) == (b"abc0123456789", b"GET /next")


def test_a_chunked_body_is_refused_before_it_is_read_beyond_the_limit() -> None:
    with pytest.raises(BadRequest, match="larger than 10 bytes") as refusal:
        ChunkedBody(10).feed(bytearray(b"b\r\n"))
    assert refusal.value.status == 413


def test_an_endless_chunk_line_is_refused() -> None:
    with pytest.raises(BadRequest, match="too long"):
        ChunkedBody(10).feed(bytearray(b"1;" + b"x" * 5000))


def test_repeated_headers_are_joined_for_look_up_and_kept_as_they_came() -> None:
    head = parse_head(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a:2\t \r\nX-B:")
    assert head.lower["x-a"] == "1, 2"
    assert head.headers == [("Host", "a"), ("X-A", "1"), ("x-a", "2"), ("X-B", "")]


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        (b"/a?b", "/a?b"),
        (b"*", "*"),
        (b"http://host", "/"),
        (b"https://host?q=/", "/?q=/"),
        (b"//a", "//a"),
    ],
)
def test_a_target_becomes_path_and_query(target: bytes, origin: str) -> None:
    assert parse_head(b"GET " + target + b" HTTP/1.1\r\nHost: a").target == origin


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        (1, b"", True),
        (1, b"\r\nConnection: x, Close", False),
        (0, b"", False),
        (0, b"\r\nConnection: keep-alive", True),
    ],
)
def test_a_client_says_whether_the_connection_lives_on(
    version: int, connection: bytes, kept: bool
) -> None:
    assert parse_head(b"GET / HTTP/1.%d\r\nHost: a%b" % (version, connection)).keep_alive is kept


def test_lines_of_a_response_head() -> None:
    assert status_line(404) == b"HTTP/1.1 404 Not Found\r\n"
    assert status_line(299) == b"HTTP/1.1 299 Status\r\n"
    assert date_line(784111777) == b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
