"""What has ended and is not written is counted, and with what is held it stays within the bound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.core.allowance import Allowance
from gateway.core.budget import Budget
from gateway.core.checkpoint import Checkpoint, Mark
from gateway.core.delivery import Delivery, Outcome
from gateway.core.resume import Resume, decode, encode
from gateway.core.uncommitted import Offer, Uncommitted
from gateway.sources.kafka.partition import NOTHING, Commitment, Held, Partition
from gateway.sources.kinesis.events import Shard, ShardEvents
from gateway.sources.kinesis.positions import kept_from_text
from gateway.sources.kinesis.records import ShardRecords

TOLD = lambda _: None  # noqa: E731 - nobody listens


def offered(one: Uncommitted, base: int, highest: int, *unsettled: int) -> Offer:
    """Offer a note that has room for everything."""
    offer = one.offer(base, encode(base, highest, unsettled, {}, 1000))
    assert offer is not None
    return offer


def test_what_has_ended_counts_until_it_is_written() -> None:
    counts = [0]
    one = Uncommitted(lambda change: counts.append(counts[-1] + change))
    one.ended(0)
    one.ended(2)
    offer = offered(one, 1, 2, 1)
    one.ended(1)
    one.written(offer)
    assert counts == [0, 1, 2, 3, 1]
    assert len(one) == 1


def test_a_note_that_forgets_what_is_safe_is_not_written() -> None:
    one = Uncommitted(TOLD, noted=3000)
    every = [each * each * 7919 for each in range(300)]
    note = encode(0, every[-1] + 1, every, {}, 100)
    assert note.trimmed
    one.noted = note.highest + 1
    assert one.offer(0, note) is None
    assert one.offer(one.noted + 1, note) is not None


def test_a_note_covers_only_what_went_into_it() -> None:
    one = Uncommitted(TOLD)
    every = [each * each * 7919 for each in range(300)]
    for each in every:
        one.ended(each + 1)
    note = encode(0, every[-1] + 1, every, {}, 100)
    offer = one.offer(0, note)
    assert offer is not None
    one.written(offer)
    assert len(one) == sum(each + 1 > note.highest for each in every)


def test_what_is_given_up_counts_no_more() -> None:
    counts: list[int] = []
    one = Uncommitted(counts.append)
    one.ended(4)
    one.clear()
    one.clear()
    assert counts == [1, -1]


class Reading(ABC):
    """One partition as its source reads it, and the place where its position is written."""

    stored: Any

    @abstractmethod
    def read(self, count: int) -> list[tuple[int, Callable[[Outcome], None]]]:
        """Return the next `count` records that are to be delivered, and how each is settled."""

    @abstractmethod
    def wanted(self) -> Any:
        """Return what shall be written."""

    @abstractmethod
    def confirm(self, written: Any) -> None:
        """Say that `written` stands there."""

    @abstractmethod
    def give_up(self) -> None:
        """Lose the partition."""

    @abstractmethod
    def is_done(self, number: int) -> bool:
        """Whether the next reader passes over a record, by what is stored."""


class Kafka(Reading):
    """A partition of Kafka. Offsets have gaps."""

    def __init__(self, count: Callable[[int], object], stored: Commitment | None = None) -> None:
        self.stored = stored or NOTHING
        resume = decode(*self.stored) if stored and stored != NOTHING else Resume(0)
        owed = Uncommitted(count, resume.highest)
        held = Held(("t", 0), 10_000)
        self._one = Partition(held, self.stored, resume, owed, lambda: None)
        self._next = resume.base // 3

    def read(self, count: int) -> list[tuple[int, Callable[[Outcome], None]]]:
        offsets = [3 * each for each in range(self._next, self._next + count)]
        self._next += count
        records: list[Any] = [
            ConsumerRecord("t", 0, each, 0, 0, None, b"", None, 0, 0, ()) for each in offsets
        ]
        return [(_offset(one) // 3, one.settle) for one in self._one.deliveries(records)]

    def wanted(self) -> Commitment:
        return self._one.commitment()

    def confirm(self, written: Commitment) -> None:
        self._one.committed(written)

    def give_up(self) -> None:
        self._one.give_up()

    def is_done(self, number: int) -> bool:
        if self.stored == NOTHING:
            return False
        return 3 * number < self.stored.offset or decode(*self.stored).is_done(3 * number)


def _offset(delivery: Delivery) -> int:
    return int(delivery.event.extensions["kafkaoffset"])


class Kinesis(Reading):
    """A shard of Kinesis."""

    def __init__(self, count: Callable[[int], object], stored: str | None = None) -> None:
        self.stored: str = stored or "TRIM_HORIZON"
        self._one = self._records(count)
        place = kept_from_text(self.stored).place.partition(":")[0]
        self._next = int(place) - 1 if place.isdigit() else 0

    def _records(self, count: Callable[[int], object]) -> ShardRecords:
        shard = Shard("shardId-000000000000")
        kept, owed = kept_from_text(self.stored), Uncommitted(count)
        return ShardRecords(shard, ShardEvents("arn", shard), kept, owed, lambda: None)

    def read(self, count: int) -> list[tuple[int, Callable[[Outcome], None]]]:
        return self._read(self._one, count)

    def _read(
        self, records: ShardRecords, count: int
    ) -> list[tuple[int, Callable[[Outcome], None]]]:
        numbers = range(self._next, self._next + count)
        self._next += count
        found = []
        for each in numbers:
            record = {"SequenceNumber": str(each + 1), "PartitionKey": "k", "Data": b"%d" % each}
            found += records.deliveries(record)
        return [(int(one.event.data or b""), one.settle) for one in found]

    def wanted(self) -> str:
        return self._one.position

    def confirm(self, written: str) -> None:
        self._one.written(written)

    def give_up(self) -> None:
        self._one.revoke()

    def is_done(self, number: int) -> bool:
        successor = Kinesis(TOLD, self.stored)
        if number < successor._next:
            return True
        return number not in {each for each, _ in successor.read(number - successor._next + 1)}


class Small(Reading):
    """A partition whose notes have room for almost nothing."""

    def __init__(self, count: Callable[[int], object], stored: tuple[int, str] | None = None):
        self.stored: tuple[int, str] = stored or (0, "")
        self._resume = decode(*self.stored)
        self._base, self._highest = self.stored[0], max(self._resume.highest, self.stored[0] - 1)
        self._next = self._base
        self._checkpoint = Checkpoint[int](10_000)
        self._open: dict[int, Mark[int]] = {}
        self._owed = Uncommitted(count, self._resume.highest)
        self._offered: tuple[tuple[int, str], Offer] | None = None

    def read(self, count: int) -> list[tuple[int, Callable[[Outcome], None]]]:
        found = []
        for number in range(self._next, self._next + count):
            mark = self._checkpoint.track(number)
            if self._resume.is_done(number):
                self._checkpoint.resolve(mark)
            else:
                self._open[number] = mark
                found.append((number, lambda outcome, at=number: self._settle(at, outcome)))
        self._next += count
        return found

    def _settle(self, number: int, outcome: Outcome) -> None:
        if outcome is not Outcome.RELEASED and not self._checkpoint.revoked:
            self._highest = max(self._highest, number)
            self._checkpoint.resolve(self._open.pop(number))
            self._owed.ended(number)

    def wanted(self) -> tuple[int, str]:
        watermark = self._checkpoint.watermark
        base = self._base if watermark is None else watermark + 1
        ahead = sorted(self._resume.after(self._next).open)
        note = encode(base, self._highest, [*self._open, *ahead], {}, 24)
        offer = self._owed.offer(base, note)
        if offer is None:
            return self.stored
        self._offered = (base, note.text), offer
        return self._offered[0]

    def confirm(self, written: tuple[int, str]) -> None:
        if self._offered is not None and self._offered[0] == written:
            self._owed.written(self._offered[1])

    def give_up(self) -> None:
        self._checkpoint.revoke()
        self._owed.clear()

    def is_done(self, number: int) -> bool:
        return number < self.stored[0] or decode(*self.stored).is_done(number)


@pytest.mark.parametrize("kind", [Kafka, Kinesis, Small])
def test_the_answer_to_an_older_write_covers_no_more_than_that_wrote(
    kind: Callable[..., Reading],
) -> None:
    allowance = Allowance(10, 1 << 30, Budget(1 << 40))
    one = kind(allowance.owe)
    settle = [each for _, each in one.read(4)]
    settle[0](Outcome.DELIVERED)
    older = one.wanted()
    settle[2](Outcome.DELIVERED)
    newer = one.wanted()
    one.confirm(older)
    assert allowance.uncommitted >= 1
    one.confirm(newer)
    assert allowance.uncommitted == 0


class Crashing(RuleBasedStateMachine):
    """Read, settle, write, lose writes, lose the partition and crash, in any order."""

    kind: Callable[..., Reading]

    @initialize(limit=st.sampled_from([1, 2, 7, 30]))
    def begin(self, limit: int) -> None:
        self.limit = limit
        self.ended: set[int] = set()
        self.asked: list[Any] = []
        self._live(None)

    def _live(self, stored: Any) -> None:
        """Begin a life with nothing in memory."""
        self.allowance = Allowance(self.limit, 1 << 30, Budget(1 << 40))
        self.one = type(self).kind(self.allowance.owe, stored)
        self.out: dict[int, Callable[[Outcome], None]] = {}
        self.asked = []

    @rule(count=st.integers(1, 12))
    def read(self, count: int) -> None:
        found = self.one.read(min(count, self.allowance.credit))
        for number, settle in found:
            assert number not in self.out
            self.out[number] = settle
            self.allowance.take(0)

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 1000), outcome=st.sampled_from(Outcome), times=st.integers(1, 9))
    def settle(self, which: int, outcome: Outcome, times: int) -> None:
        for _ in range(min(times, len(self.out))):
            number = list(self.out)[which % len(self.out)]
            self.out.pop(number)(outcome)
            self.allowance.give_back(0)
            if outcome is not Outcome.RELEASED:
                self.ended.add(number)

    @rule(fate=st.sampled_from(["well", "well", "fails", "answer lost", "later"]))
    def write(self, fate: str) -> None:
        wanted = self.one.wanted()
        if fate in ("well", "answer lost"):
            self.one.stored = wanted
            self.asked.clear()
        if fate == "well":
            self.one.confirm(wanted)
        if fate == "later":
            self.asked = [wanted]

    @precondition(lambda self: self.asked)
    @rule()
    def write_late(self) -> None:
        """A write that was under way meanwhile is done and answered."""
        self.one.stored = self.asked.pop()
        self.one.confirm(self.one.stored)

    @rule(gone=st.booleans())
    def begin_anew(self, gone: bool) -> None:
        """The partition goes, or the process."""
        allowance, stored = self.allowance, self.one.stored
        if gone:
            self.one.give_up()
            assert not allowance.uncommitted
            for settle in self.out.values():
                settle(Outcome.DELIVERED)  # too late
            assert not allowance.uncommitted
        self._live(stored)
        self.ended = {one for one in self.ended if self.one.is_done(one)}

    @invariant()
    def a_crash_repeats_no_more_than_the_bound(self) -> None:
        repeated = sum(not self.one.is_done(number) for number in self.ended)
        assert repeated <= self.allowance.uncommitted
        assert self.allowance.held + self.allowance.uncommitted <= self.limit

    def teardown(self) -> None:
        """When all has ended and is written, nothing counts any more."""
        if not hasattr(self, "one"):
            return
        for settle in self.out.values():
            settle(Outcome.DELIVERED)
        self.one.confirm(self.one.wanted())
        if not isinstance(self.one, Small):  # where not all may go in
            assert not self.allowance.uncommitted


@pytest.mark.parametrize("kind", [Kafka, Kinesis, Small])
def test_no_interleaving_repeats_more_than_the_bound(kind: type[Reading]) -> None:
    machine = type(f"Crashing{kind.__name__}", (Crashing,), {"kind": staticmethod(kind)})
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
    machine.TestCase("runTest").runTest()
