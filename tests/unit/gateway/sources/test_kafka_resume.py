"""What travels in the metadata of a commit, and what a partition makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.delivery import Delivery, Outcome
from gateway.core.resume import Note, Resume, decode, encode
from gateway.core.uncommitted import Uncommitted
from gateway.sources.kafka.partition import (
    METADATA_LIMIT,
    NOTHING,
    Commitment,
    Held,
    Partition,
)


def records(offsets: Iterable[int]) -> list[Any]:
    """Return empty records at `offsets`."""
    return [ConsumerRecord("t", 0, each, 0, 0, None, b"", None, 0, 0, ()) for each in offsets]


def partition(
    stored: Commitment = NOTHING, resume: Resume | None = None, window: int = 10_000
) -> Partition:
    resume = resume or Resume(0)
    uncommitted = Uncommitted(lambda _: None, resume.highest)
    return Partition(Held(("t", 0), window), stored, resume, uncommitted, lambda: None)


def settle(deliveries: Sequence[Delivery], *positions: int) -> None:
    for position in positions:
        deliveries[position].settle(Outcome.DELIVERED)


def offset_of(delivery: Delivery) -> int:
    return int(delivery.event.extensions["kafkaoffset"])


@given(
    base=st.integers(0, 1 << 40),
    distances=st.lists(st.integers(1, 2000), min_size=1, max_size=400),
    data=st.data(),
)
def test_what_is_written_is_read(base: int, distances: list[int], data: st.DataObject) -> None:
    offsets = [base]
    for distance in distances:
        offsets.append(offsets[-1] + distance)
    unsettled = sorted(data.draw(st.sets(st.sampled_from(offsets))))
    highest = max((each for each in offsets if each not in unsettled), default=base - 1)
    retried = (
        data.draw(st.dictionaries(st.sampled_from(unsettled), st.integers(1, 500)))
        if (unsettled)
        else {}
    )
    text, _, whole, trimmed = encode(base, highest, unsettled, retried, METADATA_LIMIT)
    resume = decode(base, text)
    done = {each for each in offsets if resume.is_done(each)}
    if whole:
        assert done == set(offsets) - set(unsettled)
        assert resume.attempts == retried
    if not trimmed:
        assert done == set(offsets) - set(unsettled)
    assert done <= set(offsets) - set(unsettled)
    assert len(text) <= METADATA_LIMIT


def test_what_does_not_fit_is_left_out_from_the_top_and_told() -> None:
    unsettled = [each * each * 7919 for each in range(3000)]
    highest = unsettled[-1] + 1
    text, noted, whole, trimmed = encode(
        0, highest, unsettled, dict.fromkeys(unsettled, 3), METADATA_LIMIT
    )
    assert trimmed
    assert not whole
    assert 0 < len(text) <= METADATA_LIMIT
    resume = decode(0, text)
    assert 0 < resume.highest == noted < highest
    assert not any(resume.is_done(each) for each in unsettled)


def test_nothing_above_is_no_text() -> None:
    assert encode(10, 9, [10, 11], {}, METADATA_LIMIT) == Note("", 9)


@pytest.mark.parametrize("text", ["", "from elsewhere", "t2:abc", "{}"])
def test_text_of_others_says_nothing(text: str) -> None:
    assert decode(7, text) == Resume(7)


@pytest.mark.parametrize("text", ["t1:", "t1:!!!", "t1:AAAA", "t1:eJwDAAAAAAE="])
def test_broken_text_of_ours_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="cut short or altered"):
        decode(7, text)


def test_only_the_settled_prefix_is_committed() -> None:
    one = partition()
    deliveries = one.deliveries(records(range(5)))
    settle(deliveries, 0, 1, 3)
    offset, metadata = one.commitment()
    assert offset == 2
    assert decode(2, metadata).is_done(3)
    settle(deliveries, 2, 4)
    assert one.commitment() == Commitment(5)


def test_gaps_in_offsets_are_no_hindrance() -> None:
    one = partition()
    deliveries = one.deliveries(records([3, 10, 11, 500]))
    settle(deliveries, 0, 1, 2, 3)
    assert one.commitment() == Commitment(501)


def test_what_was_released_stays_open() -> None:
    one = partition()
    (only,) = one.deliveries(records([0]))
    only.settle(Outcome.RELEASED)
    assert one.commitment() == Commitment(0)


def test_a_resumed_partition_delivers_only_what_was_open() -> None:
    first = partition()
    deliveries = first.deliveries(records(range(10)))
    settle(deliveries, 0, 2, 3, 7)
    stored = first.commitment()
    second = partition(stored, decode(*stored))
    again = second.deliveries(records(range(stored.offset, 12)))
    assert [offset_of(one) for one in again] == [1, 4, 5, 6, 8, 9, 10, 11]
    settle(again, *range(8))
    assert second.commitment() == Commitment(12)


def test_what_was_done_is_not_forgotten_before_it_is_read_again() -> None:
    first = partition()
    deliveries = first.deliveries(records(range(10)))
    deliveries[6].attempts = 2
    settle(deliveries, 0, 2, 3, 7)
    stored = first.commitment()
    second = partition(stored, decode(*stored))
    second.deliveries(records([1]))
    offset, metadata = second.commitment()
    resume = decode(offset, metadata)
    assert [each for each in range(1, 10) if resume.is_done(each)] == [2, 3, 7]
    assert resume.attempts == {6: 2}


def test_a_record_that_comes_twice_is_delivered_once() -> None:
    one = partition()
    assert len(one.deliveries(records([0, 1]))) == 2
    assert one.deliveries(records([0, 1])) == []


def test_a_stuck_head_fills_the_window() -> None:
    one = partition(window=10)
    deliveries = one.deliveries(records(range(10)))
    settle(deliveries, *range(1, 10))
    assert not one.readable
    settle(deliveries, 0)
    assert one.readable


def test_what_would_not_fit_stops_the_reading_until_it_does() -> None:
    one = partition()
    offsets = [each * each * 7919 for each in range(6000)]
    deliveries = one.deliveries(records(offsets))
    settle(deliveries, *range(1, 6000, 2))
    one.commitment()
    assert not one.readable
    settle(deliveries, *range(0, 6000, 2))
    one.commitment()
    assert one.readable


def test_a_partition_that_was_given_up_commits_nothing_more() -> None:
    one = partition()
    deliveries = one.deliveries(records(range(3)))
    one.give_up()
    settle(deliveries, 0, 1, 2)
    assert one.committable == 0
    assert one.pending == 0


def test_what_is_handed_back_is_read_again_once_the_rest_has_ended() -> None:
    one = partition()
    deliveries = one.deliveries(records(range(6)))
    settle(deliveries, 1, 3)
    deliveries[4].attempts = 2
    for each in (0, 4, 5):
        deliveries[each].settle(Outcome.RELEASED)
    assert one.interrupted
    assert not one.readable
    assert one.out == [deliveries[2]]
    settle(deliveries, 2)
    assert one.pending == 0
    again = partition(resume=one.left).deliveries(records(range(8)))
    assert [offset_of(each) for each in again] == [0, 4, 5, 6, 7]
    assert [each.attempts for each in again] == [0, 2, 0, 0, 0]


STEPS = st.tuples(st.integers(0, 60), st.sampled_from(["go on", "crash", "hand back"]))


@given(st.lists(st.integers(0, 30), max_size=60), st.lists(STEPS, max_size=120))
def test_no_interleaving_passes_over_an_open_record(
    gaps: list[int], steps: list[tuple[int, str]]
) -> None:
    """Read, settle, hand back and crash in any order: nothing is lost, nothing done comes again."""
    log = [0]
    for gap in gaps:
        log.append(log[-1] + 1 + gap)
    done: set[int] = set()
    one, out, stored = partition(), dict[int, Delivery](), NOTHING
    for number, step in steps:
        if step == "crash":
            stored = one.commitment()
            one, out = partition(stored, decode(*stored)), {}
        elif step == "hand back":
            for each in out.values():
                each.settle(Outcome.RELEASED)
            one, out = partition(stored, one.left), {}
        elif number in range(len(out)):
            offset = list(out)[number]
            out.pop(offset).settle(Outcome.DELIVERED)
            done.add(offset)
        else:
            found = one.deliveries(records([o for o in log if o >= one.next_offset][:5]))
            out |= {offset_of(each): each for each in found}
            assert done.isdisjoint(offset_of(each) for each in found)
    assert all(offset in done for offset in log if offset < one.commitment().offset)
    rest = one.deliveries(records([o for o in log if o >= one.next_offset]))
    assert done | out.keys() | {offset_of(each) for each in rest} == set(log)


def test_the_oldest_is_the_first_that_is_out_and_has_a_time() -> None:
    one = partition()
    assert one.oldest is None
    times = (-1, 2000, 1000)
    timed = [replace(r, timestamp=t) for r, t in zip(records(range(3)), times, strict=True)]
    deliveries = one.deliveries(timed)
    assert one.oldest == 2000
    settle(deliveries, 1)
    assert one.oldest == 1000
    settle(deliveries, 0, 2)
    assert one.oldest is None
