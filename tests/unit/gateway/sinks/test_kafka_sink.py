"""What a dead letter looks like as a Kafka record."""

from __future__ import annotations

from gateway.sinks.kafka import record_headers
from tests.support.events import event


def test_attributes_are_headers_as_they_are() -> None:
    one = event(
        "7",
        subject="orders.new",
        datacontenttype="application/json",
        extensions={"tidegatereason": "rejected", "knativeerrordata": "says “no”, 100%"},
    )
    assert dict(record_headers(one)) == {
        "ce_specversion": b"1.0",
        "ce_id": b"7",
        "ce_source": b"/tests",
        "ce_type": b"test",
        "ce_subject": b"orders.new",
        "ce_tidegatereason": b"rejected",
        "ce_knativeerrordata": "says “no”, 100%".encode(),
        "content-type": b"application/json",
    }


def test_an_event_without_a_content_type_names_none() -> None:
    assert "content-type" not in dict(record_headers(event()))
