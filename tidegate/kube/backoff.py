"""How long to wait before the next try."""

from __future__ import annotations

import random


class Backoff:
    """Waits that double from `first` to `longest`, each shortened at random by up to a half.

    So many clients of one server that comes back do not come back at the same moment.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def reset(self) -> None:
        """Begin anew: the last try was a success."""
        self._next = self._first

    def wait(self, asked: float | None = None) -> float:
        """Return the next wait: at least what the server `asked` for, at most the longest."""
        wait = self._next * random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._longest)
        return min(max(wait, asked or 0.0), self._longest)
