"""NATS messages as CloudEvents."""

from __future__ import annotations

import json

import pytest

from gateway.sources.nats.events import (
    StreamEvents,
    StreamPosition,
    SubjectEvents,
    position_from_reply,
)

AT = StreamPosition("ORDERS", "1", "42", "1700000000123456789", "7")


def event(data: bytes = b"hello", headers: dict[str, str] | None = None):
    return StreamEvents("ORDERS", None).event("orders.eu", headers, data, AT)


def test_a_reply_subject_tells_the_position() -> None:
    reply = "$JS.ACK.ORDERS.hello.1.42.9.1700000000123456789.7"
    assert position_from_reply(reply) == AT


def test_a_reply_subject_with_a_domain_tells_the_same_position() -> None:
    reply = "$JS.ACK.hub.ACCHASH.ORDERS.hello.1.42.9.1700000000123456789.7.random"
    assert position_from_reply(reply) == AT


@pytest.mark.parametrize("reply", ["_INBOX.abc.1", "$JS.FC.ORDERS", "$JS.ACK.short"])
def test_other_subjects_are_no_position(reply: str) -> None:
    assert position_from_reply(reply) is None


def test_a_plain_message_is_wrapped_with_the_identity_of_its_position() -> None:
    one = event()
    assert (one.id, one.source, one.subject) == ("ORDERS:42", "nats:ORDERS", "orders.eu")
    assert one.time == "2023-11-14T22:13:20.123456789Z"
    assert one.extensions == {"sequence": "00000000000000000042"}
    assert one.data == b"hello"


def test_a_redelivery_is_the_same_event() -> None:
    again = AT._replace(deliveries="5", pending="0")
    assert StreamEvents("ORDERS", None).event("orders.eu", None, b"hello", again) == event()


def test_a_domain_is_part_of_the_source() -> None:
    assert StreamEvents("ORDERS", "hub").event("x", None, b"", AT).source == "nats:hub/ORDERS"


def test_the_second_is_written_anew_when_it_changes() -> None:
    events = StreamEvents("ORDERS", None)
    events.event("x", None, b"", AT)
    later = AT._replace(timestamp="1700000001000000001")
    assert events.event("x", None, b"", later).time == "2023-11-14T22:13:21.000000001Z"


def test_content_type_and_trace_headers_are_carried() -> None:
    headers = {"Content-Type": "text/plain", "traceparent": "00-a-b-01", "x-other": "1"}
    one = event(headers=headers)
    assert one.datacontenttype == "text/plain"
    assert one.extensions["traceparent"] == "00-a-b-01"
    assert "x-other" not in one.extensions


def test_a_structured_event_is_itself() -> None:
    body = {"specversion": "1.0", "id": "a", "source": "/s", "type": "t", "data": {"n": 1}}
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
    one = event(json.dumps(body).encode(), headers)
    assert (one.id, one.source, one.type, one.data) == ("a", "/s", "t", b'{"n":1}')


def test_a_binary_event_is_itself_with_its_values_decoded() -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "a",
        "Ce-Source": "/s%20x",
        "ce-type": "t",
        "ce-datacontenttype": "text/plain",
        "ce-tenant": "caf%C3%A9",
    }
    one = event(b"payload", headers)
    assert (one.id, one.source, one.datacontenttype) == ("a", "/s x", "text/plain")
    assert one.extensions == {"tenant": "café"}
    assert one.data == b"payload"


def test_a_headerless_body_that_is_an_event_is_one() -> None:
    body = b'{"specversion":"1.0","id":"a","source":"/s","type":"t","data":"x"}'
    assert event(body).id == "a"


@pytest.mark.parametrize(
    "body", [b'{"specversion":"1.0","id":"a"}', b'{"n":1}', b"[1]", b"", b'{"specversion"']
)
def test_a_body_that_is_no_event_is_wrapped_as_it_is(body: bytes) -> None:
    one = event(body)
    assert (one.id, one.data) == ("ORDERS:42", body)
    assert "decodeerror" not in one.extensions


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/cloudevents+json"},
        {"ce-id": "a"},
        {"ce-specversion": "9", "ce-id": "a", "ce-source": "/s", "ce-type": "t"},
    ],
)
def test_a_broken_event_is_wrapped_and_says_why(headers: dict[str, str]) -> None:
    one = event(b"\xff not json", headers)
    assert (one.id, one.data) == ("ORDERS:42", b"\xff not json")
    assert one.extensions["decodeerror"]


def test_core_messages_have_ids_of_their_own() -> None:
    events = SubjectEvents("orders.*")
    first, second = (events.event("orders.eu", None, b"") for _ in range(2))
    assert first.id != second.id
    assert first.source == "nats:orders.*"


def test_a_message_id_is_the_identity_of_a_core_message() -> None:
    assert SubjectEvents("x").event("x", {"Nats-Msg-Id": "m"}, b"").id == "m"
