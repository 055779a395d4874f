"""The records of one shard that were read under one lease: what is out, and what is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from gateway.core.checkpoint import Checkpoint, Mark
from gateway.core.delivery import Delivery, Outcome
from gateway.core.resume import Resume, decode, encode
from gateway.core.uncommitted import Offer, Uncommitted
from gateway.sources.kinesis.events import Received, Shard, ShardEvents
from gateway.sources.kinesis.positions import Kept, Position, position_from_text

WINDOW = 10_000
"""Records read above the lowest unsettled one: a stuck head stops its shard, not the memory."""

BEYOND_LIMIT = 2000
"""Characters for what is done beyond the position: twice what a thousand open records among ten
thousand take. DynamoDB bills each write by the kilobyte."""


class Tracked(NamedTuple):
    """A record, and which it is of those that were read after the kept position."""

    number: int
    position: Position
    arrived: datetime | None

    def __str__(self) -> str:
        return self.position.text


class ShardRecords:
    """Makes deliveries of records and knows how far they are settled.

    A shard always has the same records in the same order, so what is done beyond the position is
    noted by counting. `changed` is called as deliveries end, and `uncommitted` counts those whose
    end the lease does not say yet. Once given up (`revoke`), whatever settles later moves nothing.
    """

    def __init__(
        self,
        shard: Shard,
        events: ShardEvents,
        kept: Kept,
        uncommitted: Uncommitted,
        changed: Callable[[], None],
    ) -> None:
        self._shard = shard
        self._events = events
        self._kept = kept
        self._uncommitted = uncommitted
        self._offered: tuple[str, Offer] | None = None
        self._written = kept.text
        self._half_done = position_from_text(kept.place)
        self._changed = changed
        self._resume: Resume | None = None
        self._next = 0
        self._highest = -1
        self._checkpoint: Checkpoint[Tracked] = Checkpoint(WINDOW)
        self._open: dict[int, Delivery] = {}
        self._out = 0
        self._last: str | None = None

    @property
    def last(self) -> str | None:
        """The sequence number of the last record read; None before the first."""
        return self._last

    @property
    def position(self) -> str:
        """How far everything is settled, and what is beyond, as a lease keeps it."""
        return self._noted() if self._next else self._kept.text

    def written(self, text: str) -> None:
        """Note that the lease says `text` now.

        What an older one covers than that which was asked for last is covered by that, too.
        """
        self._written = text
        if self._offered is not None and self._offered[0] == text:
            self._uncommitted.written(self._offered[1])

    @property
    def drained(self) -> bool:
        """Whether nothing that was read is unsettled."""
        return not self._checkpoint.pending

    @property
    def full(self) -> bool:
        """Whether reading must stop until the head is settled."""
        return self._checkpoint.full

    @property
    def idle(self) -> bool:
        """Whether everything that was pushed has an outcome, `RELEASED` included."""
        return not self._out

    @property
    def unsettled(self) -> Collection[Delivery]:
        """What was pushed and has no outcome yet."""
        return [one for one in self._open.values() if one.outcome is None]

    @property
    def oldest(self) -> datetime | None:
        """When the oldest record arrived that has not ended, as the stream says."""
        first = next(iter(self._open.values()), None)
        return None if first is None else _record_of(first).arrived

    def revoke(self) -> None:
        """Give the shard up."""
        self._checkpoint.revoke()
        self._uncommitted.clear()

    def deliveries(self, record: Mapping[str, Any]) -> list[Delivery]:
        """Track what `record` holds; return what of it was not done before the start."""
        sequence = record["SequenceNumber"]
        if self._last is None:
            self._begin(sequence)
        self._last = sequence
        done = self._half_done
        after = done.sub if done is not None and done.sequence == sequence else -1
        arrived = record.get("ApproximateArrivalTimestamp")
        found = (
            self._tracked(one, arrived)
            for one in self._events.received(record, after)
            if one.event is not None or one.position != done
        )
        return [one for one in found if one is not None]

    def _begin(self, sequence: str) -> None:
        """Count on from `sequence`, unless what the lease notes beyond counts from another one.

        Older records may be gone, and other readers of the table move positions alone.
        """
        anchor = self._kept.anchor
        if anchor is None or anchor.sequence != sequence or self._half_done not in (None, anchor):
            return
        self._resume = decode(0, self._kept.beyond)
        self._highest = self._uncommitted.noted = self._resume.highest

    def _tracked(self, one: Received, arrived: datetime | None) -> Delivery | None:
        number = self._next
        self._next += 1
        mark = self._checkpoint.track(Tracked(number, one.position, arrived))
        if one.event is None or self._was_done(number):
            self._highest = max(self._highest, number)
            self._checkpoint.resolve(mark)
            return None
        delivery = Delivery(one.event, self._settled, mark, one.key, self._shard.id)
        if self._resume is not None:
            delivery.attempts = self._resume.attempts.get(number, 0)
        self._open[number] = delivery
        self._out += 1
        return delivery

    def _was_done(self, number: int) -> bool:
        if self._resume is not None and number > self._resume.last:
            self._resume = None
        return self._resume is not None and self._resume.is_done(number)

    def _settled(self, delivery: Delivery) -> None:
        """See `Delivery.settled`. What was released comes again with the next reader."""
        mark: Mark[Tracked] = delivery.position  # type: ignore[assignment]  # set by _tracked
        self._out -= 1
        if delivery.outcome is not Outcome.RELEASED and not self._checkpoint.revoked:
            number = mark.position.number
            del self._open[number]
            self._highest = max(self._highest, number)
            self._checkpoint.resolve(mark)
            self._uncommitted.ended(number)
        self._changed()

    def _noted(self) -> str:
        """Return what the lease should keep now."""
        watermark = self._checkpoint.watermark
        if watermark is not None:
            return self._kept_at(watermark.position.text, watermark.position, watermark.number + 1)
        first = _record_of(self._open[0])
        return self._kept_at(self._kept.place, self._half_done or first.position, 0)

    def _kept_at(self, place: str, anchor: Position, base: int) -> str:
        note = encode(base, self._highest, *self._unsettled(), BEYOND_LIMIT)
        offer = self._uncommitted.offer(base, note)
        if offer is None:
            return self._written  # until older records have ended, and there is less to say
        text = Kept(place, anchor, note.text).text
        self._offered = text, offer
        return text

    def _unsettled(self) -> tuple[list[int], dict[int, int]]:
        """Return the known records that are not done, in order, and how often they were tried."""
        unsettled = list(self._open)
        attempts = {number: one.attempts for number, one in self._open.items() if one.attempts}
        if self._resume is not None:
            ahead = self._resume.after(self._next)
            unsettled += sorted(ahead.open)
            attempts |= ahead.attempts
        return unsettled, attempts


def _record_of(delivery: Delivery) -> Tracked:
    """Return the record of one of our deliveries."""
    mark: Mark[Tracked] = delivery.position  # type: ignore[assignment]  # as we made it
    return mark.position
