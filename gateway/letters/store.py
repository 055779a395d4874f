"""The port to where dead letters are kept: read them again, and remove them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple, Protocol

from gateway.core.dead_letter import Letter

REMOVED_AT_ONCE = 64
"""Letters that leave a store in one step: what a crash of a redrive repeats."""


class Stored(NamedTuple):
    """A letter, and where it lies; only its store understands `place`."""

    letter: Letter
    place: object


class LetterStore(Protocol):
    """One place of dead letters. Raises `SinkUnavailable` while it is away."""

    name: str
    """What it is, for people: `file /var/dead.jsonl`, `NATS orders.dead`, `Kafka dead`."""

    def letters(self) -> AsyncGenerator[Stored, None]:
        """Yield the letters of now, the oldest first. What is no letter is passed over."""
        ...

    async def remove(self, letters: Sequence[Stored]) -> None:
        """Return when `letters` are durably gone; those that are gone already do not matter."""
        ...

    async def erase(self) -> str:
        """Delete the bytes of what was removed, where `remove` has not; say what stays, if any."""
        ...
