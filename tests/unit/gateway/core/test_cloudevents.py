import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cloudevents import (
    event_from_attributes,
    event_from_json,
    event_to_json,
    events_from_json,
    is_json,
)
from gateway.core.event import CloudEvent

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def encoded(**members: object) -> bytes:
    return json.dumps(REQUIRED | members).encode()


def test_every_attribute_survives_a_round_trip() -> None:
    event = CloudEvent(
        "1",
        "/s",
        "t",
        subject="sub",
        time="2026-01-01T00:00:00Z",
        datacontenttype="application/json",
        dataschema="urn:x",
        extensions={"traceparent": "00-1", "attempt": "3"},
        data=b'{"a":1}',
    )
    assert event_from_json(event_to_json(event)) == event


@pytest.mark.parametrize(
    ("members", "data"),
    [
        ({"data": {"a": 1}}, b'{"a":1}'),
        ({"data": "text"}, b'"text"'),
        ({"data": None}, b"null"),
        ({}, None),
        ({"data": "text", "datacontenttype": "text/plain"}, b"text"),
        ({"data": None, "datacontenttype": "text/plain"}, None),
        ({"data": "x", "datacontenttype": "application/vnd.x+json; v=1"}, b'"x"'),
        ({"data_base64": "AAE=", "datacontenttype": "image/png"}, b"\x00\x01"),
    ],
)
def test_data_is_the_payload_of_its_content_type(
    members: dict[str, object], data: bytes | None
) -> None:
    assert event_from_json(encoded(**members)).data == data


def test_null_attributes_are_unset_and_numbers_become_text() -> None:
    event = event_from_json(encoded(subject=None, attempt=3, sampled=True))
    assert event.subject is None
    assert event.extensions == {"attempt": "3", "sampled": "true"}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "not JSON"),
        (b"[]", "an array"),
        (encoded(specversion="0.3"), "specversion is '0.3'"),
        (encoded(id=""), "'id' is missing or empty"),
        (encoded(Upper="x"), "only a-z and 0-9"),
        (encoded(ext={"a": 1}), "'ext' is an object"),
        (encoded(data=1, data_base64="AA=="), "both data and data_base64"),
        (encoded(data_base64="%"), "not base64"),
        (encoded(data={"a": 1}, datacontenttype="text/plain"), "is an object"),
    ],
)
def test_what_is_wrong_is_said(body: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        event_from_json(body)


def test_a_batch_may_be_empty_and_names_its_broken_member() -> None:
    assert events_from_json(b"[]") == []
    with pytest.raises(ValueError, match="event 1 of the batch"):
        events_from_json(b"[" + encoded() + b",{}]")


def test_attributes_of_a_binary_event_take_the_content_type_of_the_message() -> None:
    event = event_from_attributes(REQUIRED | {"x": "1"}, b"body", "text/plain")
    assert (event.datacontenttype, event.extensions, event.data) == (
        "text/plain",
        {"x": "1"},
        b"body",
    )


def test_the_content_type_of_the_message_goes_before_an_attribute_of_that_name() -> None:
    attributes = REQUIRED | {"datacontenttype": "text/html"}
    assert event_from_attributes(attributes, b"", "text/plain").datacontenttype == "text/plain"
    assert event_from_attributes(attributes, b"", None).datacontenttype == "text/html"


@pytest.mark.parametrize(
    ("content_type", "json_"),
    [
        (None, True),
        ("application/json; charset=utf-8", True),
        ("application/cloudevents+json", True),
        ("text/plain", False),
        ("application/jsonlines", False),
    ],
)
def test_json_is_told_by_the_media_type(content_type: str | None, json_: bool) -> None:
    assert is_json(content_type) is json_


@given(st.binary(max_size=200), st.sampled_from([None, "application/json", "text/plain", "a/b"]))
def test_any_bytes_survive_json_format(data: bytes, content_type: str | None) -> None:
    event = CloudEvent("1", "/s", "t", datacontenttype=content_type, data=data)
    decoded = event_from_json(event_to_json(event)).data
    if is_json(content_type):
        try:
            assert json.loads(decoded or b"") == json.loads(data)
        except (json.JSONDecodeError, UnicodeDecodeError):
            assert decoded == data
    else:
        assert decoded == data
