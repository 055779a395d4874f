"""What a lease notes of a shard, and what its next reader makes of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.delivery import Delivery, Outcome
from gateway.core.uncommitted import Uncommitted
from gateway.sources.kinesis.events import Shard, ShardEvents
from gateway.sources.kinesis.positions import Kept, Position, kept_from_text
from gateway.sources.kinesis.records import BEYOND_LIMIT, ShardRecords
from tests.support.kpl import aggregated

SHARD = Shard("shardId-000000000000")
PLAIN = [b"%d" % number for number in range(12)]


def record(number: int, data: bytes) -> dict[str, Any]:
    """Return a record; sequence numbers have large gaps, as those of Kinesis have."""
    return {"SequenceNumber": str(49 + 10**20 * number), "PartitionKey": "k", "Data": data}


class Reader:
    """Reads a shard of `data` from where `kept` stands, as each new owner of a lease does."""

    def __init__(self, data: Sequence[bytes], kept: str = "TRIM_HORIZON", trimmed: int = 0) -> None:
        self.records = ShardRecords(
            SHARD,
            ShardEvents("arn", SHARD),
            kept_from_text(kept),
            Uncommitted(lambda _: None),
            lambda: None,
        )
        place = kept_from_text(kept).place.partition(":")[0]
        start = int(place) if place.isdigit() else 0
        log = [record(number, each) for number, each in enumerate(data)][trimmed:]
        self._rest = [one for one in log if int(one["SequenceNumber"]) >= start]
        self.out: list[Delivery] = []

    def read(self, count: int = 10_000) -> list[Delivery]:
        """Read `count` more records; return their deliveries."""
        part, self._rest = self._rest[:count], self._rest[count:]
        found = [delivery for one in part for delivery in self.records.deliveries(one)]
        self.out += found
        return found

    def settle(self, *texts: str) -> None:
        """Deliver what has these texts."""
        wanted = set(texts)
        for one in self.out:
            if text(one) in wanted:
                one.settle(Outcome.DELIVERED)


def text(delivery: Delivery) -> str:
    return (delivery.event.data or b"").decode()


def texts(deliveries: Sequence[Delivery]) -> list[str]:
    return [text(one) for one in deliveries]


def read(kept: str, data: Sequence[bytes] = PLAIN, trimmed: int = 0) -> list[str]:
    """Return what the next owner of a lease delivers."""
    return texts(Reader(data, kept, trimmed).read())


def test_only_what_did_not_end_is_delivered_by_the_next_reader() -> None:
    first = Reader(PLAIN)
    first.read(10)
    first.settle("0", "1", "3", "4", "7")
    assert read(first.records.position) == ["2", "5", "6", "8", "9", "10", "11"]


def test_what_ended_ahead_of_the_very_first_record_is_noted() -> None:
    first = Reader(PLAIN)
    first.read(5)
    first.settle("1", "3")
    place = first.records.position.split(" ")[0]
    assert place == "TRIM_HORIZON"
    assert read(first.records.position) == ["0", "2", *map(str, range(4, 12))]


def test_a_position_alone_is_kept_where_nothing_is_done_beyond() -> None:
    first = Reader(PLAIN)
    assert first.records.position == "TRIM_HORIZON"
    first.read(3)
    assert first.records.position == "TRIM_HORIZON"
    first.settle("0", "1", "2")
    assert first.records.position == Position(record(2, b"")["SequenceNumber"]).text


def test_what_was_released_is_delivered_again() -> None:
    first = Reader(PLAIN)
    for one in first.read(4):
        one.settle(Outcome.DELIVERED if text(one) == "2" else Outcome.RELEASED)
    assert first.records.idle
    assert not first.records.drained
    assert read(first.records.position)[:3] == ["0", "1", "3"]


def test_attempts_are_not_made_anew() -> None:
    first = Reader(PLAIN)
    first.read(6)[4].attempts = 3
    first.settle("0", "2")
    again = Reader(PLAIN, first.records.position).read()
    assert {text(one): one.attempts for one in again if one.attempts} == {"4": 3}


def test_what_was_done_is_not_forgotten_before_it_is_read_again() -> None:
    first = Reader(PLAIN)
    first.read(10)
    first.settle("0", "1", "4", "8")
    second = Reader(PLAIN, first.records.position)
    assert second.records.position == first.records.position
    second.read(2)  # the last one that was done, and one that was not
    second.settle("2")
    assert read(second.records.position) == ["3", "5", "6", "7", "9", "10", "11"]


def test_what_counts_from_a_record_that_is_gone_says_nothing() -> None:
    first = Reader(PLAIN)
    first.read(10)
    first.settle("0", "1", "4", "8")
    assert read(first.records.position, trimmed=3) == [str(each) for each in range(3, 12)]
    never = Reader(PLAIN)
    never.read(5)
    never.settle("1", "3")
    assert read(never.records.position, trimmed=1) == [str(each) for each in range(1, 12)]


def test_what_counts_from_a_position_that_another_program_moved_says_nothing() -> None:
    data = [aggregated([("k", b"%d" % each) for each in range(4)]), *PLAIN[4:]]
    first = Reader(data)
    first.read()
    first.settle("0", "3")
    kept = kept_from_text(first.records.position)
    place = Position(record(0, b"")["SequenceNumber"], 1).text
    assert read(Kept(place, kept.anchor, kept.beyond).text, data)[:3] == ["2", "3", "4"]


@pytest.mark.parametrize("done", [["a"], ["a", "b"]])
def test_a_kpl_record_is_counted_as_it_was(done: list[str]) -> None:
    data = [aggregated([("k", b"a"), ("k", b"b")]), b"1", b"2", b"3", b"4"]
    first = Reader(data)
    first.read()
    first.settle(*done, "2")
    open_ones = [each for each in ("a", "b", "1", "3", "4") if each not in done]
    assert read(first.records.position, data) == open_ones


@pytest.mark.parametrize("kept", ["TRIM_HORIZON", "AT_TIMESTAMP:1764000000123", "496804:7"])
def test_positions_of_before_and_of_others_are_read(kept: str) -> None:
    assert kept_from_text(kept) == Kept(kept)
    assert kept_from_text(kept).text == kept


def test_what_is_noted_stays_short() -> None:
    numbers = range(9_000)
    open_ones = set(random.Random(7).sample(numbers, 4_000))
    data = [b"%d" % number for number in numbers]
    first = Reader(data)
    first.read()
    first.settle(*(str(each) for each in numbers if each not in open_ones))
    position = first.records.position
    assert len(position) <= BEYOND_LIMIT + 100
    again = read(position, data)
    assert {str(each) for each in open_ones} <= set(again)
    assert len(again) < len(data)


def test_a_shard_that_was_given_up_notes_nothing_more() -> None:
    first = Reader(PLAIN)
    first.read()
    first.settle("0", "1", "5")
    position = first.records.position
    first.records.revoke()
    first.settle("2", "7")
    assert first.records.position == position


AGGREGATES = st.lists(st.integers(0, 4), min_size=1, max_size=12)
STEPS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["go on", "read", "crash", "hand back"])),
    max_size=80,
)


def log_of(sizes: Sequence[int]) -> tuple[list[bytes], list[str]]:
    """Return records, some of them of a KPL with so many inside, and what they hold."""
    data, held = list[bytes](), list[str]()
    for number, size in enumerate(sizes):
        inner = [f"{number}.{sub}" for sub in range(size)]
        held += inner or [str(number)]
        pairs = [("k", each.encode()) for each in inner]
        data.append(aggregated(pairs) if inner else b"%d" % number)
    return data, held


@given(AGGREGATES, STEPS)
def test_no_interleaving_loses_or_repeats_what_was_noted(
    sizes: list[int], steps: list[tuple[int, str]]
) -> None:
    """Read, settle, hand back and crash in any order: nothing is lost, nothing done comes again."""
    data, held = log_of(sizes)
    done: set[str] = set()
    reader = Reader(data)
    for number, step in steps:
        out = [one for one in reader.out if one.outcome is None]
        if step == "crash":
            reader = Reader(data, reader.records.position)
        elif step == "hand back":
            for one in out:
                one.settle(Outcome.RELEASED)
            reader = Reader(data, reader.records.position)
        elif step == "read":
            assert done.isdisjoint(texts(reader.read(1 + number % 3)))
        elif out:
            one = out[number % len(out)]
            one.settle(Outcome.DELIVERED)
            done.add(text(one))
    assert sorted({*done, *texts(Reader(data, reader.records.position).read())}) == sorted(held)
