"""Cron expressions with the meaning that Kubernetes' CronJob gives them.

The grammar is that of the parser which Kubernetes uses (robfig/cron v3, `ParseStandard`).
Four differences are meant:

- Sunday is also 7, alone or as the end of a range.
- A schedule that can never fire is an error, and so is a field that names no value (`,`).
- Without a zone the schedule is in UTC; the machine's own zone (`Local`) is refused.
- The search for a time does not give up after five years, so 29 February is found from 2097 too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from tidegate.api.recurrence import FieldSchedule, IntervalSchedule, Schedule, ScheduleError

__all__ = ["Schedule", "ScheduleError", "parse"]


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five fields: its name in messages, and the values that it takes."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    alias: int | None = None
    """A number above `high` that means `low`: 7 for Sunday."""


def _named(first: int, names: str) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(names.split(), first)}


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _named(1, "jan feb mar apr may jun jul aug sep oct nov dec")),
    _Field("day of week", 0, 6, _named(0, "sun mon tue wed thu fri sat"), alias=7),
)
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PREFIX = re.compile(r"(?:CRON_)?TZ=")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_DURATION = re.compile(r"[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_TERM = re.compile(r"(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


def parse(expression: str, time_zone: str | None = None) -> Schedule:
    """Read a cron expression; `time_zone` is an IANA name, as CronJob's `timeZone`.

    Raises `ScheduleError`, which names the field, the text and what is allowed.
    """
    text, zone = _split_zone(expression, time_zone)
    if text.startswith(_EVERY):
        return IntervalSchedule(_interval(expression, text.removeprefix(_EVERY)))
    if text.startswith("@"):
        text = _described(expression, text)
    return _field_schedule(expression, text.split(), zone)


def _split_zone(expression: str, time_zone: str | None) -> tuple[str, tzinfo]:
    """Take the `TZ=` prefix off, and find the zone that it or `time_zone` names."""
    prefix = _PREFIX.match(expression)
    if prefix is None:
        if time_zone is None:
            return expression, UTC
        return expression.strip(), _zone(expression, time_zone)
    if time_zone is not None:
        raise _error(
            expression,
            f"its {prefix.group()} prefix and the time zone {time_zone!r} are both given; "
            "keep the time zone and remove the prefix",
        )
    name, _, text = expression[prefix.end() :].partition(" ")
    return text.strip(), _zone(expression, name) if name else UTC


def _zone(expression: str, name: str) -> tzinfo:
    if name and name.lower() != "local":
        try:
            return UTC if name == "UTC" else ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass  # each of them is how zoneinfo says that there is no such zone
    raise _error(
        expression,
        f"time zone {name!r} is not known; use an IANA name such as 'Europe/Berlin' or 'Etc/UTC'",
    )


def _described(expression: str, text: str) -> str:
    if text not in _DESCRIPTORS:
        raise _error(
            expression,
            f"{text!r} is not known; use one of {', '.join(_DESCRIPTORS)} "
            "or '@every <duration>', such as '@every 1h30m'",
        )
    return _DESCRIPTORS[text]


def _interval(expression: str, duration: str) -> int:
    """Return the whole seconds of a Go duration, at least 1."""
    nanoseconds = 0
    if _DURATION.fullmatch(duration):
        nanoseconds = sum(_nanoseconds(*term) for term in _TERM.findall(duration))
    if not _DURATION.fullmatch(duration) or nanoseconds >= 2**63:
        raise _error(
            expression,
            f"duration {duration!r} is not one; write numbers with the units h, m and s, such as "
            "'1h30m', up to 292 years",
        )
    return 1 if duration.startswith("-") else max(1, nanoseconds // 10**9)


def _nanoseconds(whole: str, fraction: str, unit: str) -> int:
    size = _UNITS[unit]
    return int(whole or 0) * size + int(fraction or 0) * size // int("1" + "0" * len(fraction))


def _field_schedule(expression: str, texts: list[str], zone: tzinfo) -> Schedule:
    if len(texts) != len(_FIELDS):
        raise _error(
            expression,
            f"it has {len(texts)} fields; exactly 5 are needed: "
            + ", ".join(each.name for each in _FIELDS),
        )
    parsed = [_bits(expression, text, of) for text, of in zip(texts, _FIELDS, strict=True)]
    (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = parsed
    either_day = not any_day and not any_weekday
    if not either_day:
        _check_that_it_fires(expression, texts, days, months)
    return FieldSchedule(minutes, hours, days, months, weekdays, either_day, zone)


def _check_that_it_fires(expression: str, texts: list[str], days: int, months: int) -> None:
    for month, longest in enumerate(_LONGEST_MONTHS, 1):
        if months >> month & 1 and days & (1 << longest + 1) - 1:
            return
    raise _error(
        expression,
        f"it never fires: month {texts[3]!r} has no day {texts[2]!r}; change one of the two",
    )


def _bits(expression: str, text: str, of: _Field) -> tuple[int, bool]:
    """Return the values of a field as bits, and whether it is open (`*` with no step)."""
    bits, is_open = 0, False
    for item in filter(None, text.split(",")):
        try:
            low, high, step, item_is_open = _range(item, of)
        except ValueError as error:
            where = "" if item == text else f"in {item!r}, "
            raise _field_error(expression, text, of, f"{where}{error}") from None
        is_open |= item_is_open
        for value in range(low, high + 1, step):
            bits |= 1 << (of.low if value == of.alias else value)
    if not bits:
        raise _field_error(expression, text, of, "it names no value, so it never fires")
    return bits, is_open


def _range(item: str, of: _Field) -> tuple[int, int, int, bool]:
    """Return first, last, step and openness of one item of a list."""
    span, *steps = item.split("/")
    first, *rest = span.split("-")
    step = _step(steps)
    if first in ("*", "?"):
        # What follows a star, as in "*-5", is not looked at: CronJob takes it so.
        return of.low, of.high, step, step == 1
    if len(rest) > 1:
        raise ValueError("a range has one hyphen")
    low = _value(first, of)
    if rest:
        high = _value(rest[0], of)
    else:
        low = of.low if low == of.alias else low
        high = of.high if steps else low
    if low > high:
        raise ValueError(f"the range begins at {low}, after its end {high}")
    return low, high, step, False


def _step(steps: list[str]) -> int:
    if len(steps) > 1:
        raise ValueError("a step has one slash")
    step = _number(steps[0]) if steps else 1
    if step < 1:
        raise ValueError(f"the step {step} is not 1 or more")
    return step


def _value(text: str, of: _Field) -> int:
    value = of.names.get(text.lower())
    if value is None:
        value = _number(text)
    highest = of.high if of.alias is None else of.alias
    if not of.low <= value <= highest:
        raise ValueError(f"{value} is not within {of.low}-{highest}")
    return value


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    return int(text)


def _field_error(expression: str, text: str, of: _Field, problem: str) -> ScheduleError:
    names = f" or {'|'.join(of.names)}" if of.names else ""
    sunday = " (0 and 7 are Sunday)" if of.alias is not None else ""
    highest = of.high if of.alias is None else of.alias
    return _error(
        expression,
        f"{of.name} {text!r}: {problem}; allowed are {of.low}-{highest}{names}{sunday}, *, ?, "
        "lists (1,2), ranges (1-5) and steps (*/2)",
    )


def _error(expression: str, problem: str) -> ScheduleError:
    return ScheduleError(f"schedule {expression!r}: {problem}")
