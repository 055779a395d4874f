"""Schedules mean what Kubernetes' CronJob means.

`schedule_vectors.jsonl` holds what robfig/cron v3.0.1 answers: five times for a schedule, a zone
and a moment, or no `next` for an expression that it refuses.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.api.schedule import ScheduleError, parse

VECTORS = Path(__file__).with_name("schedule_vectors.jsonl")
ROWS: list[dict[str, Any]] = [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]
FAR = datetime(9000, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text)


def times(expression: str, after: str, count: int, zone: str | None = None) -> list[str]:
    found = islice(parse(expression, zone).until(utc(after), FAR), count)
    return [time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in found]


def test_times_are_those_of_kubernetes() -> None:
    different = [
        (row, found)
        for row in ROWS
        if "next" in row
        and (found := times(row["expression"], row["after"], 5, row["zone"])) != row["next"]
    ]
    assert different == []


def test_what_kubernetes_refuses_is_refused() -> None:
    refused = [row for row in ROWS if "next" not in row]
    assert len(refused) > 100
    for row in refused:
        with pytest.raises(ScheduleError):
            parse(row["expression"], row["zone"])


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("61 * * * *", ["minute '61'", "61 is not within 0-59"]),
        ("0 24 * * *", ["hour '24'", "0-23"]),
        ("0 0 0 * *", ["day of month '0'", "1-31"]),
        ("0 0 1 foo *", ["month 'foo'", "'foo' is not a number", "jan|feb"]),
        ("0 0 * * 8", ["day of week '8'", "0-7", "0 and 7 are Sunday"]),
        ("0 0 * * 1,9", ["day of week '1,9'", "in '9'"]),
        ("*/0 * * * *", ["minute '*/0'", "step 0 is not 1 or more"]),
        ("9-5 * * * *", ["begins at 9, after its end 5"]),
        ("1-2-3 * * * *", ["one hyphen"]),
        ("1/2/3 * * * *", ["one slash"]),
        (", * * * *", ["minute ','", "names no value"]),
        ("* * * *", ["4 fields", "exactly 5", "day of week"]),
        ("0 0 * * * *", ["6 fields"]),
        ("@reboot", ["'@reboot'", "@hourly", "@every"]),
        ("@every 1d", ["duration '1d'", "1h30m"]),
        ("@every 9999999999h", ["292 years"]),
        ("0 0 31 2 *", ["never fires", "month '2' has no day '31'"]),
        ("0 0 31 4,6 ?", ["never fires"]),
        ("TZ=Mars/Base * * * * *", ["'Mars/Base'", "Europe/Berlin"]),
        ("TZ=UTC", ["0 fields"]),
    ],
)
def test_an_error_names_the_field_the_text_and_what_is_allowed(
    expression: str, words: list[str]
) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(expression)
    assert [word for word in [repr(expression), *words] if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    "zone", ["", "Local", "local", "../etc/passwd", "/etc/localtime", "Europe"]
)
def test_a_zone_that_is_no_iana_name_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleError, match="IANA"):
        parse("* * * * *", zone)


@pytest.mark.parametrize("prefix", ["TZ=UTC", "CRON_TZ=UTC"])
def test_a_zone_given_twice_is_refused(prefix: str) -> None:
    with pytest.raises(ScheduleError, match="both given"):
        parse(f"{prefix} * * * * *", "UTC")


@pytest.mark.parametrize(
    ("seven", "same"), [("7", "0"), ("5-7", "5,6,0"), ("0-7", "0-6"), ("1-7/2", "1,3,5,0")]
)
def test_sunday_is_also_7(seven: str, same: str) -> None:
    after = "2026-01-01T00:00:00Z"
    assert times(f"0 0 1 * {seven}", after, 30) == times(f"0 0 1 * {same}", after, 30)


def test_a_step_in_the_weekday_still_ends_on_saturday() -> None:
    assert parse("0 0 * * 1/2") == parse("0 0 * * 1,3,5")


def test_a_nightly_job_in_the_hour_that_is_left_out_does_not_run_that_night() -> None:
    assert times("30 2 * * *", "2026-03-07T12:00:00Z", 1, "America/New_York") == [
        "2026-03-09T06:30:00Z"
    ]


def test_a_nightly_job_in_the_hour_that_comes_twice_runs_twice() -> None:
    assert times("30 1 * * *", "2026-11-01T00:00:00Z", 2, "America/New_York") == [
        "2026-11-01T05:30:00Z",
        "2026-11-01T06:30:00Z",
    ]


def test_an_hourly_job_runs_in_both_passes_of_an_hour() -> None:
    assert times("0 * * * *", "2026-11-01T04:30:00Z", 3, "America/New_York") == [
        "2026-11-01T05:00:00Z",
        "2026-11-01T06:00:00Z",
        "2026-11-01T07:00:00Z",
    ]


def test_a_day_that_a_zone_left_out_does_not_hold_up_the_search() -> None:
    assert times("35 15 25 12 *", "2011-12-26T12:00:00Z", 1, "Pacific/Apia") == [
        "2012-12-25T01:35:00Z"
    ]


def test_the_leap_day_after_2096_is_found() -> None:
    assert times("0 0 29 2 *", "2096-03-01T00:00:00Z", 1) == ["2104-02-29T00:00:00Z"]


def test_every_counts_from_the_time_given() -> None:
    assert times("@every 90s", "2026-01-01T00:00:10.7Z", 2) == [
        "2026-01-01T00:01:40Z",
        "2026-01-01T00:03:10Z",
    ]


def test_every_anchored_has_the_same_times_whenever_one_begins() -> None:
    schedule = parse("@every 90s").anchored()
    early = list(schedule.until(utc("2026-01-01T00:00:00Z"), utc("2026-01-01T01:00:00Z")))
    late = list(schedule.until(utc("2026-01-01T00:10:07Z"), utc("2026-01-01T01:00:00Z")))
    assert early[-len(late) :] == late


def test_fields_are_anchored_by_nature() -> None:
    schedule = parse("*/5 * * * *")
    assert schedule.anchored() is schedule


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        parse("* * * * *").next(datetime(2026, 1, 1))


@pytest.mark.parametrize("expression", ["0 0 1 1 *", "@every 24h"])
def test_the_end_of_the_calendar_is_an_error(expression: str) -> None:
    with pytest.raises(ScheduleError, match="9999"):
        parse(expression).next(datetime(9999, 12, 31, 12, tzinfo=UTC))


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    spans = st.tuples(value, value).map(lambda ends: f"{min(ends)}-{max(ends)}")
    return st.one_of(
        st.just("*"),
        st.lists(value.map(str) | spans, min_size=1, max_size=3).map(",".join),
        st.integers(1, high).map(lambda step: f"*/{step}"),
    )


EXPRESSIONS = st.tuples(
    fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 7)
).map(" ".join)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


def values(text: str, low: int, high: int) -> set[int]:
    """Read a field in the plainest way: what the parser is compared with."""
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        begin, end = (low, high) if span == "*" else (int(first), int(last or first))
        found.update(range(begin, end + 1, int(step or 1)))
    return found


def matches(expression: str, at: datetime) -> bool:
    minute, hour, day, month, weekday = expression.split()
    on_day = at.day in values(day, 1, 31)
    on_weekday = bool({at.isoweekday() % 7, at.isoweekday()} & values(weekday, 0, 6))
    both_restricted = all(text != "*" and not text.endswith("*/1") for text in (day, weekday))
    return (
        at.minute in values(minute, 0, 59)
        and at.hour in values(hour, 0, 23)
        and at.month in values(month, 1, 12)
        and (on_day or on_weekday if both_restricted else on_day and on_weekday)
    )


@given(EXPRESSIONS, MOMENTS)
@settings(max_examples=200, deadline=None)
def test_the_next_time_is_later_and_matches(expression: str, after: datetime) -> None:
    found = parse(expression).next(after)
    assert found > after
    assert (found.second, found.microsecond) == (0, 0)
    assert matches(expression, found)


@given(EXPRESSIONS, MOMENTS)
@settings(max_examples=25, deadline=None)
def test_no_minute_in_between_matches(expression: str, after: datetime) -> None:
    found = parse(expression).next(after)
    minute = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while minute < min(found, after + timedelta(hours=8)):
        assert not matches(expression, minute)
        minute += timedelta(minutes=1)
