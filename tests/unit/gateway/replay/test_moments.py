"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.replay.moments import moment, written

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("now", NOW),
        ("2h", NOW - timedelta(hours=2)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("1d", NOW - timedelta(days=1)),
        ("0s", NOW),
        ("2026-01-31T11:00:00Z", NOW - timedelta(hours=1)),
        ("2026-01-31T13:00:00+02:00", NOW - timedelta(hours=1)),
        ("2026-01-31T11:59:59.999Z", NOW - timedelta(milliseconds=1)),
    ],
)
def test_a_time_is_a_moment_or_how_long_ago_it_was(text: str, wanted: datetime) -> None:
    assert moment(text, NOW) == wanted


@pytest.mark.parametrize("text", ["", "yesterday", "2 hours", "h", "-2h", "120", "9999999d"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write for example 2026-01-31T12:00:00Z"):
        moment(text, NOW)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="add Z, or an offset"):
        moment("2026-01-31T11:00:00", NOW)


def test_a_moment_is_written_to_the_millisecond() -> None:
    east = timezone(timedelta(hours=2))
    assert written(datetime(2026, 1, 31, 14, 0, 0, 1500, east)) == "2026-01-31T12:00:00.001Z"
