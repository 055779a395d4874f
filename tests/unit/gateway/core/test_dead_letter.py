"""A dead letter is the event as it was, and what happened to it."""

from __future__ import annotations

import base64

import pytest

from gateway.core.dead_letter import (
    ADDED,
    ERROR_LENGTH,
    MAX_HOPS,
    dead_letter,
    letter_from_event,
    letter_key,
    original,
)
from gateway.core.delivery import Delivery
from gateway.core.event import CloudEvent
from gateway.errors import EventExpired, EventRejected, SinkUnavailable
from tests.support.events import event, subscription

WHOLE = event(
    "7",
    subject="orders.new",
    time="2026-03-02T12:00:00Z",
    datacontenttype="application/json",
    dataschema="urn:order",
    extensions={"partitionkey": "k", "traceparent": "00-1-2-00"},
    data=b'{ "a": 1.0 }\n',
)


def failed(one: CloudEvent = WHOLE, error: Exception | None = None, **fields: object) -> Delivery:
    """Return a delivery that was given up after two attempts."""
    delivery = Delivery(one, lambda _: None, **fields)  # type: ignore[arg-type]  # a test's own fields
    delivery.attempts = 2
    delivery.failed(SinkUnavailable("it answered 503", status=503))
    delivery.failed(error or EventRejected("it answered 404", status=404))
    return delivery


def letter_of(delivery: Delivery) -> CloudEvent:
    return dead_letter(delivery, subscription())


@pytest.mark.regression("Fission: the error topic gets the error and not the event")
def test_attributes_and_bytes_stay_as_they_were() -> None:
    assert original(letter_of(failed())) == WHOLE
    assert letter_of(failed())._replace(extensions=WHOLE.extensions) == WHOLE


def test_it_tells_what_happened_where_and_when() -> None:
    told = letter_of(failed(position=("5", "17"), partition="orders/0", key=b"k1")).extensions
    assert (
        told["knativeerrordest"] == "/apis/kubeless.io/v1beta1/namespaces/default/functions/hello"
    )
    assert (told["knativeerrorcode"], told["knativeerrordata"]) == ("404", "it answered 404")
    assert told["tidegatetrigger"] == "default/HTTPTrigger/orders/hello"
    assert told["tidegateposition"] == "orders/0/5/17"
    assert (told["tidegatereason"], told["tidegateattempts"]) == ("rejected", "2")
    assert (told["tidegatekey"], told["tidegatehops"]) == ("k1", "1")
    assert "1970" < told["tidegatefirstfailed"] <= told["tidegatelastfailed"]
    assert told["tidegatefirstfailed"].endswith("Z")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EventRejected("no"), "rejected"),
        (EventExpired("old"), "expired"),
        (SinkUnavailable("away"), "exhausted"),
    ],
)
def test_the_reason_is_one_word(error: Exception, reason: str) -> None:
    assert letter_of(failed(error=error)).extensions["tidegatereason"] == reason


def test_names_are_those_that_the_specification_allows() -> None:
    assert all(name.isascii() and name.isalnum() and name.islower() for name in ADDED)
    assert all(len(name) <= 20 for name in ADDED)
    assert set(letter_of(failed(position=1, key="k")).extensions) <= {*ADDED, *WHOLE.extensions}


def test_a_long_error_of_many_lines_becomes_a_bounded_one() -> None:
    text = letter_of(failed(error=EventRejected("a\nb\x00" * 1000))).extensions["knativeerrordata"]
    assert len(text) == ERROR_LENGTH
    assert text.isprintable()


@pytest.mark.parametrize("key", [b"text", b"\xff\x00", b"line\nbreak", "ключ", b""])
def test_a_key_comes_back_byte_by_byte(key: bytes | str) -> None:
    letter = letter_of(failed(key=key))
    assert letter_key(letter) == (key if isinstance(key, bytes) else key.encode())


def test_a_key_that_is_no_text_is_base64() -> None:
    told = letter_of(failed(key=b"\xff")).extensions
    assert told["tidegatekeybase64"] == base64.b64encode(b"\xff").decode()
    assert letter_key(WHOLE) is None


def test_the_id_is_stable_and_tells_events_apart() -> None:
    def id_of(one: CloudEvent = WHOLE, position: object = 1) -> str:
        return letter_of(failed(one, position=position)).extensions["tidegateletter"]

    assert id_of() == id_of()
    others = [
        id_of(WHOLE._replace(id="8")),
        id_of(WHOLE._replace(data=b"other")),
        id_of(WHOLE._replace(source="/elsewhere")),
        id_of(position=2),
    ]
    assert len({id_of(), *others}) == 5


def test_a_letter_is_read_again() -> None:
    letter = letter_from_event(letter_of(failed(position=3)))
    assert letter is not None
    assert letter.event == WHOLE
    assert (letter.subscription, letter.reason) == ("default/HTTPTrigger/orders/hello", "rejected")
    assert (letter.attempts, letter.code, letter.error) == (2, 404, "it answered 404")
    assert letter_from_event(WHOLE) is None


def test_rubbish_in_a_letter_is_no_reason_to_fail() -> None:
    told = {"tidegateletter": "x", "tidegateattempts": "many", "knativeerrorcode": "²"}
    letter = letter_from_event(event("1", extensions=told))
    assert letter is not None
    assert (letter.attempts, letter.code) == (0, None)


def test_a_letter_of_a_letter_tells_of_the_last_failure_and_counts() -> None:
    twice = letter_of(failed(letter_of(failed()), SinkUnavailable("away")))
    assert twice.extensions["tidegatehops"] == "2"
    assert "knativeerrorcode" not in twice.extensions
    assert original(twice) == WHOLE


def test_an_event_that_goes_in_circles_is_held() -> None:
    one = WHOLE
    for _ in range(MAX_HOPS):
        one = letter_of(failed(one))
    with pytest.raises(EventRejected, match="that no trigger reads"):
        letter_of(failed(one))
