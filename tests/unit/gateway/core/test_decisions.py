"""What is remembered of decisions, and what is not."""

from __future__ import annotations

import asyncio
import gc
import sys
from functools import partial

import pytest

from gateway.core.decisions import LONG, Decisions, Terms, key_digest
from gateway.core.delivery import Answer, Delivery, Outcome
from gateway.core.progress import Progress
from gateway.core.recollection import Question, Recollection
from gateway.core.redaction import HIDDEN
from gateway.core.route import Limits
from gateway.core.supervisor import Supervisor
from gateway.core.tail import LONGEST_PAYLOAD, MOST_WAITING, Tail, payload_row
from gateway.core.trail import FIRST_STEPS, LAST_STEPS, LONGEST_ERROR, Step, Trail
from gateway.core.verdict import verdict
from tests.support.events import delivery, event, subscription

ORDERS = subscription(filters=({"exact": {"tenant": "blue"}},))
TERMS = Terms(ORDERS.id, partial(verdict, ORDERS.filters))


def ended(one: Delivery, outcome: Outcome = Outcome.DELIVERED) -> Delivery:
    one.settle(outcome)
    return one


def noted(decisions: Decisions, *deliveries: Delivery) -> Recollection:
    for at, one in enumerate(deliveries):
        decisions.note(one, TERMS, float(at))
    return Recollection(ORDERS, Progress(decisions=decisions, clock=lambda: 100.0))


def failed(id: str, error: str = "it answered 503") -> Delivery:
    one = delivery(id)
    one.step(Step(1.0, "attempt", "unavailable", error, 503, 0.5))
    return ended(one, Outcome.DROPPED)


def test_the_newest_come_first_and_no_more_than_there_is_room_for() -> None:
    found = noted(Decisions(3), *(ended(delivery(str(id))) for id in range(5)))
    assert [row["event"]["id"] for row in found.rows(Question())] == ["4", "3", "2"]


def test_what_went_as_usual_does_not_push_out_what_failed() -> None:
    usual = (ended(delivery(str(id))) for id in range(100))
    found = noted(Decisions(10), failed("bad"), *usual)
    assert "bad" in [row["event"]["id"] for row in found.rows(Question())]


def test_what_failed_is_bounded_in_bytes() -> None:
    decisions = Decisions(10_000, most_bytes=50_000)
    found = noted(decisions, *(failed(str(id), "x" * 250 + str(id)) for id in range(1000)))
    assert 10 < len(list(found.rows(Question()))) < 80
    assert found.reach()["since"] is not None


def test_a_decision_says_when_how_and_after_what_an_event_ended() -> None:
    one = delivery("7", key=b"customer 4711", partition="orders/3", position=42)
    one.received_at, one.took, one.attempts, one.answer = 0.5, 0.025, 2, Answer(202)
    one.step(Step(1.0, "attempt", "noEndpoint", "no process of it is ready"))
    one.step(Step(1.1, "wait", seconds=0.2))
    (row,) = noted(Decisions(), ended(one)).rows(Question())
    assert (row["outcome"], row["status"], row["attempts"], row["seconds"]) == (
        "delivered", 202, 2, 0.025,
    )  # fmt: skip
    assert (row["partition"], row["position"], row["coldStart"]) == ("orders/3", "42", True)
    assert [step["what"] for step in row["steps"]] == ["attempt", "wait"]
    assert row["key"] == key_digest(b"customer 4711")
    assert "4711" not in str(row)


def test_a_filtered_event_says_which_clause_did_not_match() -> None:
    one = Delivery(event("1", extensions={"tenant": "red"}), lambda _: None)
    (row,) = noted(Decisions(), ended(one, Outcome.FILTERED)).rows(Question())
    assert row["filter"]["matched"] is False
    (clause,) = row["filter"]["because"]
    assert (clause["path"], clause["had"]) == ("delivery.filter[0].exact.tenant", "red")


def test_the_reason_survives_though_what_it_was_found_from_is_too_long_to_be_kept() -> None:
    long = {"tenant": "red", "other": "x" * 10_000}
    one = Delivery(event("1", extensions=long), lambda _: None)
    (row,) = noted(Decisions(), ended(one, Outcome.FILTERED)).rows(Question())
    assert row["filter"]["because"][0]["had"] == "red"
    assert "other" not in row["event"]


def test_payloads_are_not_kept_alive() -> None:
    class Payload(bytes):
        pass

    decisions = Decisions()
    noted(decisions, ended(Delivery(event(data=Payload(b"x" * 100)), lambda _: None)))
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, Payload)]
    assert b"xxx" not in repr(list(decisions)).encode()


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "time", "dataschema"])
def test_long_attributes_are_cut_before_they_are_kept(name: str) -> None:
    fields = {"id": "1", name: "y" * 100_000}
    decisions = Decisions()
    noted(decisions, ended(Delivery(event(**fields), lambda _: None)))
    (kept,) = decisions
    assert sum(len(text) for text in kept.head[:7] if text) < LONG


def test_values_of_credentials_are_not_shown() -> None:
    one = Delivery(event(extensions={"authorization": "Bearer abc"}), lambda _: None)
    (row,) = noted(Decisions(), ended(one)).rows(Question())
    assert row["event"]["authorization"] == HIDDEN


def test_of_an_endless_trail_the_beginning_and_the_end_are_kept() -> None:
    trail = Trail()
    for at in range(1000):
        trail.add(Step(float(at), "attempt", error="z" * 5000))
    assert len(list(trail)) == FIRST_STEPS + LAST_STEPS
    assert trail.left_out == 1000 - FIRST_STEPS - LAST_STEPS
    assert all(len(step.error) == LONGEST_ERROR for step in trail)
    assert [step.at for step in trail][-1] == 999.0


def test_an_open_breaker_is_told_of_the_events_that_it_held_up() -> None:
    decisions = Decisions()
    decisions.breaker_is("open", 10.0)
    decisions.breaker_is("closed", 20.0)
    rows = {}
    for id, came, went in (("before", 1.0, 5.0), ("within", 2.0, 21.0), ("after", 22.0, 23.0)):
        one = ended(delivery(id))
        one.received_at = came
        decisions.note(one, TERMS, went)
    found = Recollection(ORDERS, Progress(decisions=decisions, clock=lambda: 30.0))
    rows = {row["event"]["id"]: row["breaker"] for row in found.rows(Question())}
    assert rows == {"before": "closed", "within": "open", "after": "closed"}


def test_a_smaller_room_forgets_the_oldest() -> None:
    decisions = Decisions(100)
    found = noted(decisions, *(ended(delivery(str(id))) for id in range(50)), failed("bad"))
    decisions.resize(10)
    rows = [row["event"]["id"] for row in found.rows(Question())]
    assert rows == ["bad", *map(str, range(49, 39, -1))]


def test_only_the_event_that_was_asked_for_is_told() -> None:
    found = noted(Decisions(), ended(delivery("1")), failed("2"), ended(delivery("2")))
    assert [row["outcome"] for row in found.rows(Question(event="2"))] == ["delivered", "dropped"]


def test_an_empty_ring_takes_no_room() -> None:
    decisions = Decisions()
    assert sys.getsizeof(decisions) + sys.getsizeof(decisions.plain) < 1024


async def test_a_follower_sees_what_is_decided_from_now_on() -> None:
    decisions, news = Decisions(), asyncio.Event()
    tail = Tail(decisions, news, payload=False)
    noted(decisions, ended(delivery("before")))
    tail.open()
    noted(decisions, ended(delivery("1")))
    tail.close()
    noted(decisions, ended(delivery("after")))
    assert [(one.head[0], data) for one, data in tail.taken(10)] == [("1", None)]
    assert news.is_set()


async def test_a_follower_who_does_not_keep_up_loses_the_oldest_and_is_told_how_many() -> None:
    decisions = Decisions()
    tail = Tail(decisions, asyncio.Event(), payload=True)
    tail.open()
    many = MOST_WAITING + 7
    for id in range(many):
        decisions.note(ended(Delivery(event(str(id), data=b"z"), lambda _: None)), TERMS, 0.0)
    assert tail.dropped == 7
    assert [one.head[0] for one, _ in tail.taken(1)] == ["7"]


async def test_payloads_that_wait_are_bounded_in_bytes() -> None:
    decisions = Decisions()
    tail = Tail(decisions, asyncio.Event(), payload=True)
    tail.open()
    for id in range(100):
        one = Delivery(event(str(id), data=b"z" * 2 * LONGEST_PAYLOAD), lambda _: None)
        decisions.note(ended(one), TERMS, 0.0)
    taken = tail.taken(1000)
    assert len(taken) == 64
    assert all(len(data or b"") == LONGEST_PAYLOAD for _, data in taken)
    assert tail.dropped == 36


def test_a_payload_is_text_where_it_is_text() -> None:
    assert payload_row(b"{}") == {"data": "{}"}
    assert payload_row(b"\xff") == {"dataBase64": "/w=="}
    assert payload_row(None) == {}
    assert payload_row(b"z" * LONGEST_PAYLOAD)["dataCut"] is True


@pytest.mark.parametrize(("count", "room"), [(1, 256), (8, 128), (1000, 16)])
def test_where_there_are_many_triggers_each_remembers_less(count: int, room: int) -> None:
    limits = Limits(decisions=256, total_decisions=1024)
    supervisor = Supervisor(lambda _: pytest.fail("nothing runs"), limits)
    supervisor.want(subscription(f"trigger-{number}") for number in range(count))
    assert {progress.decisions.room for _, progress in supervisor.progress()} == {room}
