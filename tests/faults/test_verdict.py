"""The verdict on a run: it says each thing that went wrong, and nothing of what may happen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.orders import Order
from tests.faults.verdict import Disturbance, Promise, Run, Sample, Taken, complaints

ONE, TWO, THREE, POISON = (Order("a", number) for number in range(4))
GOOD = Run(
    published=[ONE, TWO, THREE, POISON],
    poison=frozenset({POISON}),
    taken=[Taken(order, float(order.number)) for order in (ONE, TWO, THREE)],
    letters=[POISON],
    samples=[Sample(1, 50 << 20, 0.0)],
)
KILL = Disturbance("killed", begin=2.5, end=2.6, limit=1)


def said(run: Run, promise: Promise | None = None) -> str:
    """Return the complaints as one text."""
    return "\n".join(complaints(run, promise or Promise()))


def test_a_run_in_which_all_went_well_is_not_complained_of() -> None:
    assert said(GOOD) == ""


def test_an_order_that_neither_arrived_nor_was_condemned_is_lost() -> None:
    assert said(replace(GOOD, taken=GOOD.taken[:2])) == "1 orders were lost: a/2"
    assert said(replace(GOOD, letters=[])) == "1 orders were lost: a/3"


def test_an_order_that_nobody_published_is_told() -> None:
    run = replace(GOOD, published=GOOD.published[1:])
    assert said(run) == "1 orders came that nobody published: a/0"


def test_a_dead_letter_that_is_no_poison_is_told() -> None:
    assert said(replace(GOOD, letters=[POISON, ONE])) == "1 dead letters are no poison: a/0"


def test_dead_letters_are_repeated_no_more_than_allowed() -> None:
    run = replace(GOOD, letters=[POISON, POISON])
    assert said(run) == "1 dead letters were repeated, 0 may be"
    assert said(run, Promise(letters_repeated=1)) == ""


def test_an_order_that_comes_after_a_later_one_of_its_key_is_told() -> None:
    run = replace(GOOD, taken=[GOOD.taken[1], GOOD.taken[0], GOOD.taken[2]])
    assert said(run) == "1 orders came after a later one of their key, 0 may: a/0"
    assert said(run, Promise(strays=1)) == ""
    assert said(run, Promise(strays=None)) == ""


def test_orders_of_different_keys_have_no_order() -> None:
    other = Order("b", 0)
    run = replace(GOOD, published=[*GOOD.published, other], taken=[*GOOD.taken, Taken(other, 9.0)])
    assert said(run) == ""


@pytest.mark.parametrize(
    ("first", "again", "explained"),
    [
        (2.0, 3.0, True),
        (2.55, 3.0, True),
        (0.1, 3.0, True),
        (2.7, 3.0, False),
        (2.0, 2.4, False),
    ],
)
def test_a_repetition_needs_a_fault_that_explains_it(
    first: float, again: float, explained: bool
) -> None:
    taken = [*GOOD.taken[:2], Taken(THREE, first), Taken(THREE, again)]
    run = replace(GOOD, taken=taken, disturbances=[KILL])
    assert run.repeats == 1
    assert (said(run) == "") == explained
    assert "1 repetitions have no cause: a/2 at" in said(replace(run, disturbances=[]))


def test_a_fault_explains_no_more_repetitions_than_its_limit() -> None:
    run = replace(GOOD, taken=[*GOOD.taken, Taken(TWO, 3.0), Taken(THREE, 3.0)])
    kill = replace(KILL, limit=2)
    assert said(replace(run, disturbances=[kill])) == ""
    less = replace(kill, limit=1)
    assert (
        said(replace(run, disturbances=[less])) == "2 orders were repeated since killed, 1 may be"
    )


def test_what_two_faults_explain_may_be_of_either() -> None:
    early = Disturbance("killed early", begin=0.5, end=0.6, limit=1)
    run = replace(GOOD, taken=[*GOOD.taken, Taken(ONE, 3.0), Taken(TWO, 3.1)])
    assert said(replace(run, disturbances=[early, KILL])) == ""
    more = replace(run, taken=[*run.taken, Taken(THREE, 3.2)])
    assert (
        said(replace(more, disturbances=[early, KILL]))
        == "2 orders were repeated since killed, 1 may be"
    )


def test_a_repetition_is_no_matter_of_order() -> None:
    run = replace(GOOD, taken=[*GOOD.taken, Taken(ONE, 3.0)])
    assert run.strays == []


def test_books_that_do_not_balance_once_are_told() -> None:
    run = replace(GOOD, samples=[Sample(1, 1, 0.0), Sample(1, 1, -2.0), Sample(1, 1, None)])
    assert said(run) == "the books were off by [-2.0]"


def test_books_that_nobody_could_read_are_no_proof() -> None:
    assert said(replace(GOOD, samples=[Sample(1, 1, None)])) == "nobody could read the books"
    assert said(replace(GOOD, samples=[])) == "nobody could read the books"


def test_no_look_may_find_more_in_flight_than_allowed() -> None:
    samples = [Sample(1, 1, 0.0, count) for count in (None, 200.0, 257.0)]
    run = replace(GOOD, samples=samples)
    assert (
        said(run, Promise(in_flight=256)) == "a gateway had 257 orders in flight, 256 are allowed"
    )
    assert said(run, Promise(in_flight=257)) == ""


def test_memory_has_a_limit_and_does_not_grow() -> None:
    sizes = (50, 52, 60, 69)
    run = replace(GOOD, samples=[Sample(1, size << 20, 0.0) for size in sizes])
    assert said(run, Promise(resident=64 << 20)) == "a gateway had 69 MiB, 64 MiB are allowed"
    assert said(run, Promise(growth=16 << 20)) == "memory grew by 17 MiB, 16 MiB are allowed"
    assert said(run, Promise(growth=17 << 20)) == ""
