"""Dead letters and marks as Kafka records."""

from __future__ import annotations

from gateway.core.dead_letter import dead_letter
from gateway.letters.records import letter_from_record, mark_of, removed_by
from gateway.sinks.kafka import record_headers
from tests.support.events import delivery, subscription


def test_a_letter_comes_back_as_its_event() -> None:
    one = delivery("7", key=b"k\xff")
    one.event = one.event._replace(data=b"\xff\x00", datacontenttype="application/x")
    letter = letter_from_record(record_headers(dead_letter(one, subscription())), one.event.data)
    assert letter is not None
    assert letter.event == one.event
    assert letter.subscription == "default/HTTPTrigger/orders/hello"


def test_a_record_of_somebody_else_is_no_letter() -> None:
    event = delivery().event
    assert letter_from_record([], b"") is None
    assert letter_from_record(record_headers(event), b"") is None
    assert letter_from_record([("ce_id", b"\xff"), ("x", None)], None) is None


def test_a_mark_names_its_letters_and_is_no_letter() -> None:
    mark = mark_of(["b", "a"])
    assert removed_by(mark.headers) == ["a", "b"]
    assert letter_from_record(mark.headers, mark.value) is None
    assert removed_by(record_headers(delivery().event)) == []


def test_a_mark_that_is_written_twice_is_the_same_record() -> None:
    assert mark_of(["b", "a"]) == mark_of(["a", "b"])
    assert mark_of(["a"]).key != mark_of(["b"]).key
