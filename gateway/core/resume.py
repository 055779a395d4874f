"""What is noted beside a position, so that a crash repeats little. Pure.

A position alone says that everything below it is done. Above it some records are done as well
while an older one still runs; the text names those that are not, and how often they were
tried. Its form is `t1:` and base64 of deflated varints:

    records up to the highest done one, count of open ones, their distances from each other,
    count of retried ones, and for each its distance from the one before and its attempts

Records have numbers here, which the source gives them: each time the same, and in order.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_PREFIX = "t1:"
_INFLATED_LIMIT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Resume:
    """Which records from `base` on are done: all up to `highest` but for those in `open`."""

    base: int
    highest: int = -1
    open: frozenset[int] = frozenset()
    attempts: Mapping[int, int] = field(default_factory=dict)

    def is_done(self, offset: int) -> bool:
        """Say whether the record at `offset` was completed before this was noted."""
        return self.base <= offset <= self.highest and offset not in self.open

    @property
    def last(self) -> int:
        """The last offset that this says anything about."""
        return max(self.highest, *self.attempts) if self.attempts else self.highest

    def after(self, offset: int) -> Resume:
        """Return what this says about offsets from `offset` on."""
        return Resume(
            offset,
            self.highest,
            frozenset(each for each in self.open if each >= offset),
            {each: count for each, count in self.attempts.items() if each >= offset},
        )


class Note(NamedTuple):
    """What stands beside a position: all up to `highest` is done but for what `text` names."""

    text: str
    highest: int
    whole: bool = True
    """Whether all went in that there was to say."""

    trimmed: bool = False
    """Whether something that is done did not go in; it would be repeated after a crash."""


def encode(
    base: int, highest: int, unsettled: Sequence[int], attempts: Mapping[int, int], limit: int
) -> Note:
    """Return what to note beside `base`, in `limit` characters at most.

    `unsettled` are the open offsets in order; `highest` is the highest done one. What does not
    go in is the retries first, then what is done furthest above `base`.
    """
    if highest < base and not attempts:
        return Note("", highest)
    text = _encoded(base, highest, unsettled, attempts)
    whole, most = len(text) <= limit, highest
    if not whole:
        text = _encoded(base, highest, unsettled, {})
    while len(text) > limit:
        highest = base + (highest - base) // 2
        text = _encoded(base, highest, unsettled, {})
    return Note(text, highest, whole, trimmed=highest < most)


def decode(base: int, text: str) -> Resume:
    """Read what `encode` wrote beside `base`.

    Text of others means that nothing above is known. Raises `ValueError` for a broken one
    of ours.
    """
    if not text.startswith(_PREFIX):
        return Resume(base)
    try:
        numbers = _read_varints(_inflated(base64.b64decode(text[len(_PREFIX) :])))
        highest = base + next(numbers) - 1
        unsettled = frozenset(_offsets(base, [next(numbers) for _ in range(next(numbers))]))
        pairs = [(next(numbers), next(numbers)) for _ in range(next(numbers))]
    except (binascii.Error, zlib.error, StopIteration, IndexError) as error:
        raise ValueError("it is cut short or altered") from error
    tried = _offsets(base, [distance for distance, _ in pairs])
    attempts = dict(zip(tried, [count for _, count in pairs], strict=True))
    return Resume(base, highest, unsettled, attempts)


def _encoded(base: int, highest: int, unsettled: Sequence[int], attempts: Mapping[int, int]) -> str:
    below = [offset for offset in unsettled if offset < highest]
    numbers = [max(highest - base + 1, 0), len(below), *_distances(base, below), len(attempts)]
    tried = sorted(attempts)
    for distance, offset in zip(_distances(base, tried), tried, strict=True):
        numbers += (distance, attempts[offset])
    return _PREFIX + base64.b64encode(zlib.compress(_varints(numbers), 6)).decode()


def _distances(base: int, offsets: Iterable[int]) -> Iterator[int]:
    for offset in offsets:
        yield offset - base
        base = offset


def _offsets(base: int, distances: Iterable[int]) -> Iterator[int]:
    for distance in distances:
        base += distance
        yield base


def _varints(numbers: Iterable[int]) -> bytes:
    out = bytearray()
    for number in numbers:
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    return bytes(out)


def _read_varints(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0


def _inflated(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    out = inflater.decompress(packed, _INFLATED_LIMIT)
    if not inflater.eof:
        raise zlib.error("incomplete or too large")
    return out
