"""Attempts at messages that the server has again, and what the delivery count says of them."""

from __future__ import annotations

from gateway.sources.nats.leases import _GENERATION, Attempts

KEY = ("7", "1700000000000000000")
RETRY = 10


def test_attempts_are_remembered_while_the_server_has_the_message() -> None:
    attempts = Attempts(RETRY)
    attempts.remember(KEY, 6, deliveries=1)
    assert attempts.recall(KEY, deliveries=2) == 6
    attempts.remember(KEY, 7, deliveries=2)
    assert attempts.recall(KEY, deliveries=3) == 7


def test_a_message_that_was_handed_around_has_all_its_attempts_before_it() -> None:
    assert Attempts(RETRY).recall(KEY, deliveries=1 + RETRY) == 0


def test_what_others_had_in_between_takes_away_no_attempt_and_adds_none() -> None:
    attempts = Attempts(RETRY)
    attempts.remember(KEY, 6, deliveries=1)
    assert attempts.recall(KEY, deliveries=2 + RETRY) == 6


def test_a_message_that_goes_round_for_ever_comes_to_an_end() -> None:
    attempts = Attempts(RETRY)
    assert attempts.recall(KEY, deliveries=1 + RETRY + 3) == 3
    attempts.remember(KEY, 4, deliveries=1 + RETRY + 3)
    assert attempts.recall(KEY, deliveries=2 + RETRY + 3) == 4


def test_without_a_limit_of_attempts_every_delivery_elsewhere_counts() -> None:
    assert Attempts(-1).recall(KEY, deliveries=5) == 4


def test_what_is_remembered_is_bounded_and_the_newest_stays() -> None:
    attempts = Attempts(RETRY)
    for number in range(3 * _GENERATION):
        attempts.remember((str(number), "1"), 2, deliveries=1)
    assert len(attempts._now) + len(attempts._before) <= 2 * _GENERATION
    assert attempts.recall((str(3 * _GENERATION - 1), "1"), deliveries=2) == 2
    assert attempts.recall(("0", "1"), deliveries=2) == 0
