"""Moments as people write them: RFC 3339, or how long ago. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tidegate.api.quantities import duration

_UNITS = frozenset("smhd")
FORMS = "write for example 2026-01-31T12:00:00Z, or 2h for two hours ago"


def moment(text: str, now: datetime) -> datetime:
    """Read `text`, seen from `now`. Raises `ValueError` with a sentence.

    `now` itself is the word for it; a time without an offset is refused, as nobody knows where the
    reader of a log stands.
    """
    if text == "now":
        return now
    if text[-1:] in _UNITS:
        return _before(now, text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _no_time(text) from None
    if found.tzinfo is None:
        raise ValueError(f"{text!r} does not say in which time zone; add Z, or an offset")
    return found.astimezone(UTC)


def _before(now: datetime, text: str) -> datetime:
    try:
        return now - timedelta(seconds=duration(text))
    except ValueError:
        raise _no_time(text) from None


def _no_time(text: str) -> ValueError:
    return ValueError(f"{text[:64]!r} is no time; {FORMS}")


def written(when: datetime) -> str:
    """Return `when` as RFC 3339, to the millisecond."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
