"""When an answer wants the next attempt. Pure but for the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds_from(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header, in either of its forms (RFC 9110 10.2.3).

    None for nonsense: what a server answers must not be able to raise.
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    when = when.replace(tzinfo=when.tzinfo or UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)
