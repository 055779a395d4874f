"""One partition while we hold it: what is out, what is done, and what may be committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from gateway.core.checkpoint import Checkpoint, Mark
from gateway.core.delivery import Delivery, Outcome
from gateway.core.resume import Resume, encode
from gateway.core.uncommitted import Offer, Uncommitted
from gateway.sources.kafka.events import Record, RecordEvents

METADATA_LIMIT = 3500
"""Characters; what is left of the brokers' 4096 (`offset.metadata.max.bytes`) is for those who
count other things in."""


class Commitment(NamedTuple):
    """An offset as it stands in a group: the next to be read, and what is done above it."""

    offset: int
    metadata: str = ""


NOTHING = Commitment(-1)
"""A group that has committed nothing."""


Out = tuple[Delivery, int]
"""A delivery that is out, and the time of its record in milliseconds."""


class Held(NamedTuple):
    """Which partition, and how many of its records may be above the watermark."""

    name: tuple[str, int]
    window: int


class Partition:
    """The records of one partition that were handed out in one assignment.

    `stored` is what the group is known to have; it differs from `commitment` while there is
    something to commit, and `uncommitted` counts what ended since. `next_offset` is the next to be
    read. `changed` is called as deliveries end. What is done above the watermark and would not fit
    into a commit stops the reading.
    """

    def __init__(
        self,
        held: Held,
        stored: Commitment,
        resume: Resume,
        uncommitted: Uncommitted,
        changed: Callable[[], None],
    ) -> None:
        self.name = held.name
        self.stored = stored
        self.uncommitted = uncommitted
        self.next_offset = resume.base
        self.stranded = False
        """Whether the broker has no record at `next_offset` any more."""

        self._crowded = False
        self._offered: tuple[Commitment, Offer] | None = None
        self._resume: Resume | None = resume
        self._base = resume.base
        self._highest = max(resume.highest, resume.base - 1)
        self._checkpoint: Checkpoint[int] = Checkpoint(held.window)
        self._open: dict[int, Out] = {}
        self._back: set[int] = set()
        self._events = RecordEvents(*held.name)
        self._changed = changed

    @property
    def pending(self) -> int:
        """How many deliveries are out."""
        return len(self._open) - len(self._back)

    @property
    def out(self) -> list[Delivery]:
        """The deliveries that are out."""
        return [one for offset, (one, _) in self._open.items() if offset not in self._back]

    @property
    def interrupted(self) -> bool:
        """Whether deliveries were handed back, so that reading begins anew at `left`."""
        return bool(self._back)

    @property
    def oldest(self) -> int | None:
        """The time in milliseconds of the oldest record that is out, when it has one."""
        times = (time for _, time in self._open.values() if time >= 0)
        return next(times, None)

    @property
    def readable(self) -> bool:
        """Whether more may be read now: the head is not too far behind."""
        return not (self._checkpoint.full or self._crowded or self.stranded or self._back)

    @property
    def committable(self) -> int:
        """The offset below which everything is settled."""
        watermark = self._checkpoint.watermark
        return self._base if watermark is None else watermark + 1

    @property
    def left(self) -> Resume:
        """What is done and what is not, for whoever reads on here."""
        unsettled, attempts = self._unsettled()
        return Resume(self.committable, self._highest, frozenset(unsettled), attempts)

    def commitment(self) -> Commitment:
        """Return what the group should have now."""
        base = self.committable
        note = encode(base, self._highest, *self._unsettled(), METADATA_LIMIT)
        self._crowded = not note.whole
        offer = self.uncommitted.offer(base, note)
        if offer is None:
            return self.stored  # until older records have ended, and there is less to say
        self._offered = Commitment(base, note.text), offer
        return self._offered[0]

    def committed(self, commitment: Commitment) -> None:
        """Note that the group has `commitment` now.

        What an older one covers than that which was asked for last is covered by that, too.
        """
        self.stored = commitment
        if self._offered is not None and self._offered[0] == commitment:
            self.uncommitted.written(self._offered[1])

    def deliveries(self, records: Iterable[Record]) -> list[Delivery]:
        """Track `records` and return those that are to be delivered."""
        return [
            self._delivery(record, self._checkpoint.track(record.offset))
            for record in records
            if self._is_new(record.offset)
        ]

    def give_up(self) -> None:
        """Lose the partition: whatever settles from now on commits nothing."""
        self._checkpoint.revoke()
        self._open.clear()
        self._back.clear()
        self.uncommitted.clear()

    def _unsettled(self) -> tuple[list[int], dict[int, int]]:
        """Return the known offsets that are not done, in order, and how often they were tried."""
        unsettled = list(self._open)
        attempts = {offset: one.attempts for offset, (one, _) in self._open.items() if one.attempts}
        if self._resume is not None:
            ahead = self._resume.after(self.next_offset)
            unsettled += sorted(ahead.open)
            attempts |= ahead.attempts
        return unsettled, attempts

    def _is_new(self, offset: int) -> bool:
        """Pass over what was completed before a crash or a rebalance."""
        if offset < self.next_offset:
            return False
        self.next_offset = offset + 1
        if self._resume is None:
            return True
        if offset > self._resume.last:
            self._resume = None
        elif self._resume.is_done(offset):
            self._checkpoint.resolve(self._checkpoint.track(offset))
            return False
        return True

    def _delivery(self, record: Record, mark: Mark[int]) -> Delivery:
        delivery = Delivery(self._events.event(record), self._settled, mark, record.key, self.name)
        self._open[mark.position] = delivery, record.timestamp
        if self._resume is not None:
            delivery.attempts = self._resume.attempts.get(mark.position, 0)
        return delivery

    def _settled(self, delivery: Delivery) -> None:
        mark: Mark[int] = delivery.position  # type: ignore[assignment]  # set by _delivery
        offset = mark.position
        if delivery.outcome is Outcome.RELEASED:
            self._back.update(self._open.keys() & {offset})
        elif offset in self._open:
            del self._open[offset]
            if offset > self._highest:
                self._highest = offset
            self._checkpoint.resolve(mark)
            self.uncommitted.ended(offset)
        self._changed()
