"""The messages of one consumer that we hold, and those we have just finished. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

Key = tuple[str, str]
"""Sequence and timestamp: a message's identity, also across streams of the same name."""

_GENERATION = 8192


class Tried(NamedTuple):
    """How far a message had come when it was handed back."""

    attempts: int
    deliveries: int


class Attempts:
    """Remembers what was tried of messages that the server has again.

    The server counts deliveries, and a release or a crash is one as well. So an attempt counts
    where it was made and is remembered there; deliveries to others count only beyond the first
    `unproven`, so that nothing is given up early because it was handed around, and yet what goes
    round for ever comes to an end. Bounded: two generations, the older of which is forgotten.
    """

    def __init__(self, unproven: int) -> None:
        self._unproven = max(unproven, 0)
        self._now: dict[Key, Tried] = {}
        self._before: dict[Key, Tried] = {}

    def remember(self, key: Key, attempts: int, deliveries: int) -> None:
        """Keep what was tried of a message that goes back in its `deliveries`-th delivery."""
        if len(self._now) >= _GENERATION:
            self._before, self._now = self._now, {}
        self._now[key] = Tried(attempts, deliveries)

    def recall(self, key: Key, deliveries: int) -> int:
        """Return the attempts that count for a message in its `deliveries`-th delivery."""
        known = self._now.pop(key, None) or self._before.pop(key, None) or Tried(0, 0)
        elsewhere = deliveries - 1 - known.deliveries
        return known.attempts + max(elsewhere - self._unproven, 0)


class Leases:
    """Knows which message is new, which is still in work and which is done.

    The server delivers again what it believes lost: acknowledgements that died with a
    connection, leases that were renewed too late, everything unsettled when a consumer is made
    anew. `done` remembers a bounded number of messages, so that such a repeat is acknowledged
    and not handled twice.
    """

    def __init__(self) -> None:
        self._held: dict[Key, str] = {}
        self._done: set[Key] = set()
        self._done_before: set[Key] = set()

    def __len__(self) -> int:
        return len(self._held)

    def holds(self, key: Key, reply: str) -> bool:
        """Say whether the message is in work; from now on it is acknowledged through `reply`."""
        if key in self._held:
            self._held[key] = reply
            return True
        return False

    def is_done(self, key: Key) -> bool:
        """Say whether the message had a durable outcome a short while ago."""
        return key in self._done or key in self._done_before

    def take(self, key: Key, reply: str) -> None:
        """Hold a message that came just now."""
        self._held[key] = reply

    def finish(self, key: Key, *, durable: bool) -> str:
        """Let go of a message; return the subject of its acknowledgement."""
        reply = self._held.pop(key)
        if durable:
            if len(self._done) >= _GENERATION:
                self._done_before, self._done = self._done, set()
            self._done.add(key)
        return reply

    def replies(self) -> Iterable[str]:
        """Return the acknowledgement subjects of all that is held."""
        return list(self._held.values())
