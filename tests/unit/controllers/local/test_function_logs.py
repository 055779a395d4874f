"""Splitting, bounding, keeping and following output."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from controllers.local.logs import Lines, LogBook, LogLine
from controllers.local.settings import LogSettings


class Clock:
    """Time that stands until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(
    settings: LogSettings | None = None, clock: Clock | None = None
) -> tuple[Lines, list[str]]:
    taken: list[str] = []
    return Lines(settings or LogSettings(), taken.append, clock or Clock()), taken


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_lines_are_the_same_however_the_stream_is_cut(chunks: list[bytes]) -> None:
    splitter, taken = lines()
    for chunk in chunks:
        splitter.feed(chunk)
    splitter.finish()
    whole = b"".join(chunks).split(b"\n")
    expected = whole if whole[-1] else whole[:-1]
    assert taken == [line.decode("utf-8", "replace").rstrip("\r") for line in expected]


def test_a_long_line_is_cut() -> None:
    splitter, taken = lines(LogSettings(line_limit=5))
    splitter.feed(b"abc")
    splitter.feed(b"defgh" * 1000)
    splitter.feed(b"more\nnext\n")
    assert taken == ["abcde", "next"]


def test_output_beyond_the_rate_is_dropped_and_counted() -> None:
    clock = Clock()
    splitter, taken = lines(LogSettings(lines_per_second=2), clock)
    splitter.feed(b"1\n2\n3\n4\n")
    splitter.feed(b"5\n")
    assert taken == ["1", "2"]
    assert splitter.dropping
    clock.now = 1.0
    splitter.feed(b"6\n")
    assert taken[2:] == ["(dropped 3 lines: the output is faster than the log takes)", "6"]
    assert not splitter.dropping


def test_bytes_are_limited_like_lines() -> None:
    splitter, taken = lines(LogSettings(bytes_per_second=10))
    splitter.feed(b"x" * 12 + b"\nnext\n")
    splitter.feed(b"later\n")
    assert taken == ["x" * 12]
    splitter.flush()
    assert "dropped 2 lines" in taken[1]


def test_the_last_words_are_known_even_when_they_were_dropped() -> None:
    splitter, _ = lines(LogSettings(lines_per_second=1))
    splitter.feed(b"noise\n" * 1000 + b"the reason\n\n")
    assert splitter.last in ("the reason", "noise")
    splitter.feed(b"the real reason\n")
    assert splitter.last == "the real reason"


def line(text: str) -> LogLine:
    return LogLine(("default", "hello"), 0, "stdout", text, 0.0)


def texts(book: LogBook) -> list[str]:
    return [kept.text for kept in book.last(100)]


def test_only_the_last_lines_are_kept() -> None:
    book = LogBook(LogSettings(kept_lines=2))
    for text in "abc":
        book.append(line(text))
    assert texts(book) == ["b", "c"]
    assert [kept.text for kept in book.last(1)] == ["c"]
    assert book.last(0) == []


def test_kept_lines_are_bounded_in_bytes_too() -> None:
    book = LogBook(LogSettings(kept_bytes=10))
    for text in ("aaaa", "bbbb", "cccc"):
        book.append(line(text))
    assert texts(book) == ["bbbb", "cccc"]


async def test_followers_get_new_lines_until_the_book_is_closed() -> None:
    book = LogBook(LogSettings())
    book.append(line("before"))
    following = asyncio.create_task(follow(book))
    await asyncio.sleep(0)
    book.append(line("one"))
    await asyncio.sleep(0)
    book.append(line("two"))
    book.close()
    assert await following == ["one", "two"]


async def test_a_slow_follower_misses_the_oldest_lines_only() -> None:
    book = LogBook(LogSettings(kept_lines=2))
    following = asyncio.create_task(follow(book))
    await asyncio.sleep(0)
    for text in "abcd":
        book.append(line(text))
    book.close()
    assert await following == ["c", "d"]


async def follow(book: LogBook) -> list[str]:
    return [followed.text async for followed in book.follow()]
