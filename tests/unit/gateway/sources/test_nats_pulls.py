"""The arithmetic of pull requests, and what is remembered of messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.sources.nats import leases
from gateway.sources.nats.leases import Leases
from gateway.sources.nats.pulls import Pulls


def test_all_credit_is_asked_for_when_nothing_is_held() -> None:
    assert Pulls(100).wanted(credit=100, held=0) == 100


def test_the_window_bounds_what_is_asked_for() -> None:
    assert Pulls(100).wanted(credit=5000, held=0) == 100


def test_what_is_still_to_come_is_not_asked_for_again() -> None:
    pulls = Pulls(100)
    pulls.asked(100)
    assert pulls.wanted(credit=100, held=0) == 0
    pulls.arrived(60)
    assert pulls.wanted(credit=40, held=60) == 0
    assert pulls.wanted(credit=100, held=0) == 60


def test_little_credit_waits_while_there_is_work() -> None:
    assert Pulls(100).wanted(credit=3, held=97) == 0
    assert Pulls(100).wanted(credit=3, held=10) == 3


def test_a_request_that_ends_early_gives_back_what_it_owed() -> None:
    pulls = Pulls(100)
    number = pulls.asked(100)
    pulls.arrived(30)
    pulls.ended(number, 70)
    assert pulls.outstanding == 0


def test_a_server_that_does_not_say_owed_the_whole_batch() -> None:
    pulls = Pulls(100)
    first = pulls.asked(40)
    pulls.asked(60)
    pulls.ended(first, None)
    assert pulls.outstanding == 60


def test_a_request_of_before_a_reconnect_counts_no_more() -> None:
    pulls = Pulls(100)
    old = pulls.asked(100)
    pulls.forget()
    pulls.asked(50)
    pulls.ended(old, 100)
    assert pulls.outstanding == 50


def test_few_requests_are_remembered() -> None:
    pulls = Pulls(1)
    for _ in range(1000):
        pulls.asked(1)
        pulls.arrived(1)
    assert len(pulls._batches) <= 64


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=50))
def test_held_and_asked_for_never_exceed_the_credit(steps: list[tuple[int, int]]) -> None:
    pulls, limit, held = Pulls(50), 50, 0
    for arriving, settling in steps:
        batch = pulls.wanted(limit - held, held)
        if batch:
            pulls.asked(batch)
        came = min(arriving, pulls.outstanding)
        pulls.arrived(came)
        held += came
        assert held + pulls.outstanding <= limit
        held -= min(settling, held)


def test_a_redelivery_of_a_held_message_renews_its_reply() -> None:
    one = Leases()
    one.take(("1", "t"), "old")
    assert one.holds(("1", "t"), "new")
    assert one.finish(("1", "t"), durable=True) == "new"


def test_a_finished_message_is_known_and_a_released_one_is_not() -> None:
    one = Leases()
    for key in (("1", "t"), ("2", "t")):
        one.take(key, "reply")
    one.finish(("1", "t"), durable=True)
    one.finish(("2", "t"), durable=False)
    assert one.is_done(("1", "t"))
    assert not one.is_done(("2", "t"))


def test_the_same_sequence_of_a_new_stream_is_another_message() -> None:
    one = Leases()
    one.take(("1", "before"), "reply")
    assert not one.holds(("1", "after"), "reply")


def test_what_is_remembered_is_bounded() -> None:
    one = Leases()
    for number in range(3 * leases._GENERATION):
        one.take((str(number), "t"), "reply")
        one.finish((str(number), "t"), durable=True)
    assert len(one._done) + len(one._done_before) <= 2 * leases._GENERATION
    assert one.is_done((str(number), "t"))
