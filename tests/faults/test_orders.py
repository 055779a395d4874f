"""What is published and what fails follow from a seed."""

from __future__ import annotations

import pytest

from tests.faults.orders import Answer, Order, fate, order_from_payload, orders
from tests.faults.sizes import LONG, SHORT, seed_from, sizes_from


def test_an_order_can_be_read_from_its_payload() -> None:
    assert order_from_payload(Order("key7", 12).payload()) == Order("key7", 12)


def test_parts_that_are_published_one_after_the_other_make_the_whole() -> None:
    assert [*orders(7, 3), *orders(5, 3, first=7)] == orders(12, 3)
    assert orders(4, 3)[-1] == Order("key0", 1)


def test_a_fate_depends_on_the_seed_and_the_order_alone() -> None:
    every = orders(1000, 50)
    assert [fate("one", one) for one in every] == [fate("one", one) for one in every]
    assert [fate("one", one) for one in every] != [fate("other", one) for one in every]


def test_one_in_a_hundred_is_poison_and_five_fail_for_a_while() -> None:
    fates = [fate("seed", one) for one in orders(100_000, 200)]
    poison = [one for one in fates if one.poison]
    transient = [one for one in fates if one.failures > 0]
    assert 900 < len(poison) < 1100
    assert 4800 < len(transient) < 5200
    assert {one.answer for one in poison} == {Answer.REJECTED, Answer.FAILED}
    assert {one.answer for one in transient} == {Answer.UNAVAILABLE, Answer.FAILED, Answer.RESET}
    assert {one.failures for one in transient} == {1, 2}


def test_the_environment_chooses_form_seed_and_numbers() -> None:
    assert sizes_from({}) == SHORT
    assert sizes_from({"TIDEGATE_FAULTS": "long"}) == LONG
    assert sizes_from({"TIDEGATE_FAULTS_EVENTS": "7", "TIDEGATE_FAULTS_BACKLOG": "8"}).events == 7
    assert seed_from({"TIDEGATE_FAULTS_SEED": "12"}) == "12"
    assert seed_from({}) != seed_from({})


def test_another_form_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="medium"):
        sizes_from({"TIDEGATE_FAULTS": "medium"})
