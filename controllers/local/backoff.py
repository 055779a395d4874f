"""How long to wait before the next attempt."""

from __future__ import annotations


class Backoff:
    """Waits that double from `first` up to `longest`, until reset."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def after_failure(self) -> float:
        """Return the wait before the next attempt."""
        delay, self._next = self._next, min(2 * self._next, self._longest)
        return delay

    def reset(self) -> None:
        """Begin with the first wait again."""
        self._next = self._first
