"""Positions in a shard, and their text as leases keep it. Pure.

The words are those of Amazon's Kinesis Client Library: a sequence number with the number of the
record within it (`<sequence>:<sub>`, 0 where nothing is aggregated), or a sentinel. Behind that
may stand what is done beyond it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

TRIM_HORIZON = "TRIM_HORIZON"
_AT_TIMESTAMP = "AT_TIMESTAMP:"


class Position(NamedTuple):
    """One record: done up to here."""

    sequence: str
    sub: int = 0

    @property
    def text(self) -> str:
        """The form that a lease keeps."""
        return f"{self.sequence}:{self.sub}"


class Kept(NamedTuple):
    """What a lease keeps of a shard: how far all is done, and what is done beyond.

    `beyond` is written by `gateway.core.resume`; it counts what follows `place`, and only holds
    where the first record that is read is that of `anchor`: `place` itself, or the first record
    ever where `place` is a sentinel.
    """

    place: str
    anchor: Position | None = None
    beyond: str = ""

    @property
    def text(self) -> str:
        """The form that a lease keeps."""
        if self.anchor is None or not self.beyond:
            return self.place
        return f"{self.place} {self.anchor.text} {self.beyond}"


def kept_from_text(text: str) -> Kept:
    """Read what `Kept.text` wrote."""
    place, _, rest = text.partition(" ")
    anchor, _, beyond = rest.partition(" ")
    return Kept(place, position_from_text(anchor), beyond)


def at_time(moment: datetime) -> str:
    """Return the position of the first record that arrived at `moment` or later."""
    return f"{_AT_TIMESTAMP}{int(moment.timestamp() * 1000)}"


def position_from_text(text: str) -> Position | None:
    """Return the record that a place names; None when it stands before the first."""
    sequence, _, sub = text.partition(":")
    return Position(sequence, int(sub or 0)) if sequence.isdigit() else None


def iterator_request(text: str) -> dict[str, Any]:
    """Return how to ask for what comes at the place that a lease keeps.

    A kept record is asked for once more: only its first records within may be done.
    """
    if text.startswith(_AT_TIMESTAMP):
        moment = datetime.fromtimestamp(int(text.removeprefix(_AT_TIMESTAMP)) / 1000, UTC)
        return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
    position = position_from_text(text)
    if position is None:
        return {"ShardIteratorType": TRIM_HORIZON}
    return {
        "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": position.sequence,
    }


def iterator_after(sequence: str) -> dict[str, Any]:
    """Return how to ask for what comes after a record that was read whole."""
    return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": sequence}
