"""Conditions tell when something turned, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controllers.conditions import (
    LONGEST_MESSAGE,
    READY,
    Condition,
    Object,
    Truth,
    condition_in,
    stated,
    turned,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _status(condition: Condition, before: Object, at: datetime) -> Object:
    return {"conditions": stated([condition], before, 1, at)}


def test_the_time_stays_while_only_the_reason_changes() -> None:
    first = _status(Condition(READY, Truth.FALSE, "Invalid", "a"), {}, NOON)
    later = _status(Condition(READY, Truth.FALSE, "Refused", "b"), first, NOON + timedelta(hours=1))
    assert condition_in(later, READY)["lastTransitionTime"] == "2026-03-02T12:00:00Z"
    assert turned(first, later, READY)


def test_the_time_is_new_when_the_truth_is() -> None:
    first = _status(Condition(READY, Truth.FALSE, "Invalid"), {}, NOON)
    later = _status(Condition(READY, Truth.TRUE, "Serving"), first, NOON + timedelta(hours=1))
    assert condition_in(later, READY)["lastTransitionTime"] == "2026-03-02T13:00:00Z"


def test_the_same_is_no_news_whatever_its_message() -> None:
    first = _status(Condition(READY, Truth.FALSE, "Crashing", "once"), {}, NOON)
    again = _status(Condition(READY, Truth.FALSE, "Crashing", "twice"), first, NOON)
    assert not turned(first, again, READY)


def test_a_message_has_a_bound() -> None:
    status = _status(Condition(READY, Truth.FALSE, "Invalid", "a" * 10_000), {}, NOON)
    assert len(condition_in(status, READY)["message"]) == LONGEST_MESSAGE
