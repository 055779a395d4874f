"""How far one partition is done: the watermark below which everything is settled."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

P = TypeVar("P")


class Mark(Generic[P]):
    """One tracked position."""

    __slots__ = ("done", "position")

    def __init__(self, position: P) -> None:
        self.position = position
        self.done = False

    def __str__(self) -> str:
        return str(self.position)


class Checkpoint(Generic[P]):
    """Tracks positions in the order they were received and tells which prefix is settled.

    Positions need not be contiguous (compaction, transactions), only in order. `pending`
    counts tracked positions above the watermark, settled or not, and is bounded by `limit`:
    a stuck head must stop the reading, not grow the memory.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._marks: deque[Mark[P]] = deque()
        self._watermark: P | None = None
        self._revoked = False

    @property
    def watermark(self) -> P | None:
        """The last position of the settled prefix; None before there is one."""
        return self._watermark

    @property
    def pending(self) -> int:
        """Positions tracked above the watermark."""
        return len(self._marks)

    @property
    def full(self) -> bool:
        """Whether reading must stop until the head is settled."""
        return len(self._marks) >= self._limit

    @property
    def revoked(self) -> bool:
        """Whether the partition was given up; its watermark must not be written any more."""
        return self._revoked

    def track(self, position: P) -> Mark[P]:
        """Remember `position` as received; call in receive order."""
        mark = Mark(position)
        self._marks.append(mark)
        return mark

    def resolve(self, mark: Mark[P]) -> bool:
        """Settle `mark`; return whether the watermark moved. Does nothing once revoked."""
        mark.done = True
        marks = self._marks
        if self._revoked or marks[0] is not mark:
            return False
        while marks and marks[0].done:
            self._watermark = marks.popleft().position
        return True

    def revoke(self) -> None:
        """Give the partition up: whatever settles later moves nothing."""
        self._revoked = True
        self._marks.clear()

    def open_positions(self) -> list[P]:
        """Return the positions that are not settled, in order."""
        return [mark.position for mark in self._marks if not mark.done]
