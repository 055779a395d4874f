"""Durations and sizes as people write them. Pure: text or number in, seconds or bytes out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 3650 * 86400.0
LARGEST: Final = 2**50
LONGEST_TEXT: Final = 64

_UNITS: Final = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3,
    "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0,
}  # fmt: skip
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?|\.\d+", re.ASCII)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h|d)", re.ASCII)
_ISO: Final = re.compile(
    r"P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_ISO_UNITS: Final = (604800.0, 86400.0, 3600.0, 60.0, 1.0)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?", re.ASCII)
_SUFFIXES: Final = {
    None: 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


DURATION: Final = (
    r"^ *(\d*[.]?\d+|(\d*[.]?\d+([nuµm]?s|[mhd]))+|P(\d+([.]\d+)?W)?(\d+([.]\d+)?D)?"
    r"(T(\d+([.]\d+)?H)?(\d+([.]\d+)?M)?(\d+([.]\d+)?S)?)?) *$"
)
"""What every duration matches in RE2. Not all that matches it is one: P and PT, for example."""
SIZE: Final = r"^ *\d+([.]\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)? *$"
"""What every size matches in RE2."""


def duration(value: object) -> float:
    """Read seconds from `1h30m`, `200ms`, `PT2S` (ISO 8601) or a plain number.

    Raises `ValueError` when it is none of these, negative, or longer than ten years.
    """
    seconds = _duration_text(_stripped(value)) if isinstance(value, str) else _number(value)
    if not 0 <= seconds <= LONGEST:
        raise ValueError("a duration is between 0 and ten years")
    return seconds


def _stripped(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError("too long")
    return text.strip(" ")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _duration_text(text: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.startswith("P"):
        return _iso_duration(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("not a duration")
    return _sum((float(number), _UNITS[unit]) for number, unit in parts)


def _iso_duration(text: str) -> float:
    match = _ISO.fullmatch(text)
    if match is None or not any(match.groups()) or text.endswith("T"):
        raise ValueError("not an ISO 8601 duration")
    pairs = zip(match.groups(), _ISO_UNITS, strict=True)
    return _sum((float(number), unit) for number, unit in pairs if number)


def _sum(parts: Iterable[tuple[float, float]]) -> float:
    """Add number times unit, rounded to the nanosecond so that binary fractions do not show."""
    return round(math.fsum(number * unit for number, unit in parts), 9)


def duration_text(seconds: float) -> str:
    """Write `seconds` the short way, to the microsecond: 5400 is `1h30m`, 0.2 is `200ms`."""
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    amounts = [(hours, "h"), (minutes, "m"), (rest, "s"), *_fraction(micros)]
    return "".join(f"{amount}{unit}" for amount, unit in amounts if amount) or "0s"


def _fraction(micros: int) -> tuple[tuple[int, str], tuple[int, str]]:
    millis, rest = divmod(micros, 1000)
    return (millis, "ms"), (rest, "us")


def size(value: object) -> int:
    """Read bytes from `1Mi`, `512k` or a plain number.

    Raises `ValueError` when it is none of these, negative, or more than a pebibyte.
    """
    amount = _size_text(_stripped(value)) if isinstance(value, str) else _number(value)
    if amount != int(amount):
        raise ValueError("not a whole number of bytes")
    if not 0 <= amount <= LARGEST:
        raise ValueError("a size is between 0 and 1024Ti")
    return int(amount)


def _size_text(text: str) -> float:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("not a size")
    number, suffix = match.groups()
    factor = _SUFFIXES[suffix]
    return float(number) * factor if "." in number else int(number) * factor


def size_text(size: int) -> str:
    """Write `size` with the largest binary suffix that is exact: 6291456 is `6Mi`."""
    for suffix in ("Ti", "Gi", "Mi", "Ki"):
        if size and size % _SUFFIXES[suffix] == 0:
            return f"{size // _SUFFIXES[suffix]}{suffix}"
    return str(size)
