"""Durations and sizes are read as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.quantities import duration, duration_text, size, size_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("200ms", 0.2),
        ("1.5s", 1.5),
        ("2m", 120),
        ("1h30m", 5400),
        ("1m0.5s", 60.5),
        ("PT2S", 2),
        ("PT1H30M", 5400),
        ("P1DT0.5S", 86400.5),
        ("P2W", 1209600),
        ("180", 180),
        ("0.25", 0.25),
        (3, 3),
        (0.5, 0.5),
        (" 5s ", 5),
        ("0", 0),
    ],
)
def test_a_duration_is_read_in_every_spelling(text: object, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "1 s",
        "1x",
        "-1s",
        "1s2",
        "P",
        "PT",
        "P1DT",
        "1e3",
        "inf",
        True,
        None,
        [],
        1e12,
        "٣s",
    ],
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        duration(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1])
def test_a_number_that_is_no_time_is_refused(value: float) -> None:
    with pytest.raises(ValueError):
        duration(value)


@given(st.integers(min_value=0, max_value=3650 * 86400 * 1000))
def test_every_duration_survives_being_written_and_read(millis: int) -> None:
    seconds = millis / 1000
    assert duration(duration_text(seconds)) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1Mi", 2**20), ("512k", 512_000), ("6M", 6_000_000), ("1.5Ki", 1536), ("10", 10), (7, 7)],
)
def test_a_size_is_read_in_every_spelling(text: object, amount: int) -> None:
    assert size(text) == amount


@pytest.mark.parametrize("text", ["", "Mi", "1MB", "-1", "1.5", "0.3Ki", 0.5, True, None, "9999Ti"])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        size(text)


@given(st.integers(min_value=0, max_value=2**50))
def test_every_size_survives_being_written_and_read(amount: int) -> None:
    assert size(size_text(amount)) == amount


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (0.2, "200ms"), (5400, "1h30m")])
def test_a_duration_is_written_the_short_way(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
