"""How fast events may be delivered: a token bucket. Pure."""

from __future__ import annotations

BURST = 0.1
"""Seconds of the rate that may be spent at once."""


class Pace:
    """Allows `rate` events a second, and a tenth of a second's worth at once; 0 is no bound."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = max(rate * BURST, 1.0)
        self._tokens = self._burst
        self._at: float | None = None

    def spend(self, now: float) -> float:
        """Take one token at `now`, in seconds; return how long to wait before the next event."""
        if not self._rate:
            return 0.0
        passed = 0.0 if self._at is None else max(now - self._at, 0.0)
        self._at = now
        self._tokens = min(self._tokens + passed * self._rate, self._burst) - 1
        # So that a token is there when the next one asks.
        return max((1 - self._tokens) / self._rate, 0.0)
