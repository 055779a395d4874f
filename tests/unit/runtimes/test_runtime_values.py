"""What functions are given and what becomes of their values, without a server."""

from typing import Any

import pytest

from runtimes.python import channel
from runtimes.python.answer import Unanswerable, answer_from_result, encode_part
from runtimes.python.event import BadData, event_from_request, parse_data
from runtimes.python.load import is_concurrent
from runtimes.python.request import Headers, Request, Response


def test_headers_compare_without_case_and_keep_repeated_ones() -> None:
    headers = Headers([("Set-Cookie", "a"), ("set-cookie", "b"), ("X", "1")])
    assert headers.getall("SET-COOKIE") == ["a", "b"]
    assert (headers["x"], len(headers), headers.get("y")) == ("1", 2, None)
    headers["set-cookie"] = "c"
    del headers["X"]
    assert headers.pairs() == [("set-cookie", "c")]


def test_a_request_offers_the_names_that_functions_know() -> None:
    headers = [
        ("Host", "a"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Forwarded-Proto", "https"),
    ]
    request = Request("POST", "/p%C3%BC?a=1&a=2", headers, b"b=3&b=4", "10.0.0.1")
    assert (request.path, request.url) == ("/pü", "https://a/p%C3%BC?a=1&a=2")
    assert (request.query["a"], request.args.getall("a")) == ("2", ["1", "2"])
    assert (request.forms["b"], request.content_length) == ("4", 7)
    assert (request.body.read(3), request.body.read(), request.body) == (
        b"b=3",
        b"&b=4",
        b"b=3&b=4",
    )
    assert request.get_header("x-none", "default") == "default"


def test_malformed_json_is_described_without_a_word_of_it() -> None:
    with pytest.raises(BadData) as error:
        parse_data("application/json", b'{"password": oops}')
    assert "line 1, column 14" in str(error.value)
    assert "oops" not in str(error.value)


@pytest.mark.parametrize("body", [b"\xff\xfe\xfd", b"[" * 100_000])
def test_json_that_cannot_be_read_is_the_clients_mistake(body: bytes) -> None:
    with pytest.raises(BadData):
        parse_data("application/json", body)


def test_an_event_has_exactly_the_keys_of_the_contract() -> None:
    event = event_from_request("GET", "/", [], b"", "")
    assert set(event) == {
        "data", "event-id", "event-type", "event-time", "event-namespace", "cloudevent",
        "extensions",
    }  # fmt: skip


class Bottled:
    status = "404 Not Found"
    headerlist = (("Set-Cookie", "a"), ("Set-Cookie", "b"))
    body = "no"


def test_a_response_object_may_have_a_status_line_and_repeated_headers() -> None:
    answer = answer_from_result(Bottled(), Response())
    assert (answer.status, answer.body) == (404, b"no")
    assert answer.head.count(b"Set-Cookie") == 2


def test_the_servers_own_headers_are_dropped() -> None:
    answer = answer_from_result(("", 200, {"Content-Length": "5", "Connection": "x"}), Response())
    assert answer.head == b"Content-Type: text/plain; charset=utf-8\r\n"


@pytest.mark.parametrize(
    "value",
    [
        ("a", "b"),
        (1, 2, 3, 4),
        ("", True),
        ("", 100),
        {1, 2},
        {"a": ...},
        float("nan"),
        ("", 200, {"a b": "c"}),
        ("", 200, {"a": "b\nc"}),
    ],
    ids=repr,
)
def test_a_value_that_cannot_be_sent_is_named(value: Any) -> None:
    with pytest.raises(Unanswerable):
        answer_from_result(value, Response())


def test_a_streamed_part_is_str_or_bytes() -> None:
    assert (encode_part("ü"), encode_part(bytearray(b"a"))) == ("ü".encode(), b"a")
    with pytest.raises(Unanswerable, match="not int"):
        encode_part(1)


def plain(event: Any, context: Any) -> None: ...


async def coroutine(event: Any, context: Any) -> None: ...


async def generator(event: Any, context: Any) -> Any:
    yield b""


class Callable:
    async def __call__(self, event: Any, context: Any) -> None: ...


def wrapped(event: Any, context: Any) -> Any:
    return coroutine(event, context)


wrapped.__wrapped__ = coroutine  # type: ignore[attr-defined]  # as functools.wraps does


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (plain, False),
        (len, False),
        (coroutine, True),
        (generator, True),
        (Callable(), True),
        (wrapped, True),
    ],
)
def test_async_functions_are_told_from_ordinary_ones(function: Any, expected: bool) -> None:
    assert is_concurrent(function) is expected


def test_messages_are_the_same_however_they_are_split() -> None:
    messages = [(channel.CALL, 1, "GET", [("a", "b")], b"\x00"), (channel.MORE, 1)]
    raw = b"".join(map(channel.encode, messages))
    for cut in range(len(raw)):
        decoder = channel.Decoder()
        assert decoder.feed(raw[:cut]) + decoder.feed(raw[cut:]) == messages
