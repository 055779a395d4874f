"""Which event a record is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from gateway.core.event import CloudEvent
from gateway.sources.kafka.events import RecordEvents


def event(value: bytes | None = b"hello", **fields: Any) -> CloudEvent:
    """Return the event of orders/3/42."""
    values: dict[str, Any] = {
        "topic": "orders",
        "partition": 3,
        "offset": 42,
        "timestamp": 1_700_000_000_123,
        "timestamp_type": 0,
        "key": None,
        "value": value,
        "checksum": None,
        "serialized_key_size": 0,
        "serialized_value_size": 0,
        "headers": (),
    }
    return RecordEvents("orders", 3).event(ConsumerRecord(**(values | fields)))


@pytest.mark.regression("Kubeless: key, partition and offset of a record are dropped")
@pytest.mark.regression("Fission: tells the partition as a character instead of a number")
def test_a_plain_record_is_wrapped_with_the_identity_of_its_position() -> None:
    one = event()
    assert (one.id, one.source, one.subject) == ("orders/3/42", "kafka:orders", "partition:3#42")
    assert one.type == "dev.knative.kafka.event"
    assert one.time == "2023-11-14T22:13:20.123Z"
    assert one.data == b"hello"
    position = {"kafkatopic": "orders", "kafkapartition": "3", "kafkaoffset": "42"}
    assert one.extensions == position


def test_the_second_is_written_anew_when_it_changes() -> None:
    events = RecordEvents("t", 0)
    record = ConsumerRecord("t", 0, 0, 1999, 0, None, b"", None, 0, 0, ())
    assert events.event(record).time == "1970-01-01T00:00:01.999Z"
    later = ConsumerRecord("t", 0, 1, 2000, 0, None, b"", None, 0, 0, ())
    assert events.event(later).time == "1970-01-01T00:00:02.000Z"


def test_a_record_without_a_time_has_none() -> None:
    assert event(timestamp=-1).time is None


def test_a_tombstone_is_an_event_without_data() -> None:
    one = event(None, key=b"k1")
    assert one.data is None
    assert one.extensions["partitionkey"] == "k1"


def test_a_key_that_is_no_text_is_given_in_base64() -> None:
    assert event(key=b"\xff\x00").extensions["partitionkey"] == "/wA="


@pytest.mark.regression("Kubeless: headers of a record are dropped")
def test_headers_become_extensions_with_plain_names() -> None:
    headers = [("X-Tenant_Id", b"t1"), ("traceparent", b"00-a-b-01"), ("none", None), ("--", b"x")]
    extensions = event(headers=headers).extensions
    assert extensions["kafkaheaderxtenantid"] == "t1"
    assert extensions["traceparent"] == "00-a-b-01"
    assert not any(name.startswith("kafkaheadernone") for name in extensions)
    assert "kafkaheader" not in extensions


@pytest.mark.regression("Kubeless: everything that is not JSON is called a form")
def test_a_content_type_is_that_of_the_data() -> None:
    one = event(headers=[("Content-Type", b"text/plain")])
    assert one.datacontenttype == "text/plain"
    assert "kafkaheadercontenttype" not in one.extensions


def test_a_structured_event_is_itself() -> None:
    body = {"specversion": "1.0", "id": "a", "source": "/s", "type": "t", "data": {"n": 1}}
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    one = event(json.dumps(body).encode(), headers=headers)
    assert (one.id, one.source, one.type, one.data) == ("a", "/s", "t", b'{"n":1}')
    assert one.extensions == {}


def test_a_binary_event_is_itself_and_its_values_are_not_decoded() -> None:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"a%20b"),
        ("ce_source", b"/s"),
        ("ce_type", b"t"),
        ("ce_tenant", b"x"),
        ("content-type", b"application/json"),
        ("other", b"y"),
    ]
    one = event(b"{}", headers=headers)
    assert (one.id, one.source, one.datacontenttype) == ("a%20b", "/s", "application/json")
    assert one.extensions == {"tenant": "x"}


def test_a_binary_tombstone_has_no_data() -> None:
    names = ("id", "source", "type")
    headers = [("ce_specversion", b"1.0"), *((f"ce_{name}", b"x") for name in names)]
    assert event(None, headers=headers).data is None


@pytest.mark.regression("aiokafka: a record that cannot be decoded stops its partition")
def test_a_broken_event_is_wrapped_and_says_why() -> None:
    one = event(b"{", headers=[("content-type", b"application/cloudevents+json"), ("a", b"b")])
    assert one.id == "orders/3/42"
    assert one.data == b"{"
    assert "not JSON" in one.extensions["decodeerror"]
    assert one.extensions["kafkaheadera"] == "b"
