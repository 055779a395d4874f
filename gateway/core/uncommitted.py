"""What has ended and stands in no written position yet: what a crash would repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.core.resume import Note


class Offer(NamedTuple):
    """A note that is to be written, and what of the ended records it covers."""

    note: Note
    covers: frozenset[int]


class Uncommitted:
    """The records of one partition that ended since a note of it was written.

    Records have numbers, as in a note. Each stays here from its end until a note that covers it is
    known to be written; a write whose fate is unknown counts as none. `changed` is told by how
    many they have become more or fewer, so that all that read for one subscription are bounded
    together. `noted` is the highest number that the written note covers.
    """

    __slots__ = ("_changed", "_ended", "noted")

    def __init__(self, changed: Callable[[int], object], noted: int = -1) -> None:
        self._changed = changed
        self._ended: set[int] = set()
        self.noted = noted

    def __len__(self) -> int:
        return len(self._ended)

    def ended(self, number: int) -> None:
        """Count a record whose outcome is durable."""
        self._ended.add(number)
        self._changed(1)

    def offer(self, base: int, note: Note) -> Offer | None:
        """Return what writing `note` beside `base` would cover.

        None where it must not be written: it leaves out, for want of space, what the written one
        covers, and a crash would repeat what was safe.
        """
        if note.highest < self.noted and base <= self.noted:
            return None
        if note.trimmed:
            covers = (one for one in self._ended if one < base or one <= note.highest)
            return Offer(note, frozenset(covers))
        return Offer(note, frozenset(self._ended))

    def written(self, offer: Offer) -> None:
        """Forget what `offer` covers: its note is where the next reader finds it."""
        before = len(self._ended)
        self._ended -= offer.covers
        self.noted = offer.note.highest
        self._tell(before)

    def clear(self) -> None:
        """Forget everything: the partition is not ours any more."""
        before = len(self._ended)
        self._ended.clear()
        self._tell(before)

    def _tell(self, before: int) -> None:
        if fewer := before - len(self._ended):
            self._changed(-fewer)
