"""What happened to a delivery on its way; nothing where it was delivered at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

FIRST_STEPS, LAST_STEPS = 4, 12
"""Steps of one delivery that are kept: how it began to fail, and how it goes on failing."""

LONGEST_ERROR = 300
"""Characters of an error that are kept."""


class Step(NamedTuple):
    """Something that happened to an event on its way, beside being delivered at once."""

    at: float
    what: str
    """`attempt`, `wait`, `park`, `deadLetter` or `postpone`."""

    result: str = ""
    error: str = ""
    status: int | None = None
    seconds: float = 0.0
    breaker: str = "closed"


class Trail:
    """The steps of one delivery: the first and the last ones."""

    __slots__ = ("_first", "_last", "left_out")

    def __init__(self) -> None:
        self._first: list[Step] = []
        self._last: deque[Step] = deque(maxlen=LAST_STEPS)
        self.left_out = 0

    def add(self, step: Step) -> None:
        """Note what has happened now."""
        if len(step.error) > LONGEST_ERROR:
            step = step._replace(error=step.error[:LONGEST_ERROR])
        if len(self._first) < FIRST_STEPS:
            self._first.append(step)
            return
        self.left_out += len(self._last) == LAST_STEPS
        self._last.append(step)

    def __iter__(self) -> Iterator[Step]:
        yield from self._first
        yield from self._last

    def size(self) -> int:
        """Return about how many bytes this takes; an error that is said twice is kept once."""
        return sum(150 for _ in self) + sum(map(len, {step.error for step in self}))
