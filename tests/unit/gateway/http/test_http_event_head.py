"""The bytes that functions read: written down once for each kind of trigger."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.event import CloudEvent
from gateway.http.call import HttpCall
from gateway.http.errors import InvalidHeader
from gateway.http.event_head import EVENT_NAMESPACES, REMEMBERED, EventHead
from tests.support.events import event

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ENDPOINT = "127.0.0.1:8080"

GOLDEN = (
    b"%b %b HTTP/1.1\r\nhost: 127.0.0.1:8080\r\nce-specversion: 1.0\r\nevent-namespace: %b\r\n"
    b"ce-id: 7\r\nevent-id: 7\r\nce-source: /tests\r\nce-type: test\r\n"
    b"traceparent: TRACE\r\nx-tidegate-deadline: TIME\r\ncontent-length: %d\r\n%b\r\n"
)


def fixed(head: bytes) -> bytes:
    """The head without what differs each time."""
    head = re.sub(rb"traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", b"traceparent: TRACE", head)
    return re.sub(rb"deadline: \d+\.\d{3}", b"deadline: TIME", head)


def field(head: bytes, name: bytes) -> bytes:
    found = re.search(rb"\r\n%b: ([^\r]*)\r\n" % name, head)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("kind", "namespace"),
    [
        ("HTTPTrigger", b"httptriggers.kubeless.io"),
        ("CronJobTrigger", b"cronjobtrigger.kubeless.io"),
        ("KafkaTrigger", b"kafkatriggers.kubeless.io"),
        ("NATSTrigger", b"natstriggers.kubeless.io"),
        ("KinesisTrigger", b"kinesistriggers.kubeless.io"),
    ],
)
def test_the_head_of_each_kind_is_as_written_here(kind: str, namespace: bytes) -> None:
    full = event(
        "7",
        time="2026-01-01T00:00:00Z",
        subject="a b",
        dataschema="urn:x",
        datacontenttype="text/plain",
        extensions={"region": "eu"},
        data=b"abc",
    )
    more = (
        b"ce-time: 2026-01-01T00:00:00Z\r\nevent-time: 2026-01-01T00:00:00Z\r\n"
        b"ce-subject: a%20b\r\nce-dataschema: urn:x\r\nce-region: eu\r\n"
        b"event-type: text/plain\r\ncontent-type: text/plain\r\nuser-agent: tidegate\r\n"
    )
    head = EventHead(kind).encode(full, ENDPOINT, 5)
    assert fixed(head) == GOLDEN % (b"POST", b"/", namespace, 3, more)


@pytest.mark.parametrize("kind", sorted(EVENT_NAMESPACES))
def test_only_a_cron_tick_without_a_payload_is_a_get(kind: str) -> None:
    more = b"event-type: application/json\r\ncontent-type: application/json\r\n"
    method = b"GET" if kind == "CronJobTrigger" else b"POST"
    namespace = EVENT_NAMESPACES[kind]
    head = EventHead(kind).encode(event("7"), ENDPOINT, 5)
    more += b"user-agent: tidegate\r\n"
    assert fixed(head) == GOLDEN % (method, b"/", namespace, 0, more)
    assert EventHead(kind).encode(event("7", data=b""), ENDPOINT, 5).startswith(b"POST / ")


@pytest.mark.parametrize(("kind", "told"), [("KafkaTrigger", b"orders"), ("NATSTrigger", None)])
def test_a_kafka_trigger_tells_the_topic_as_kubeless_did(kind: str, told: bytes | None) -> None:
    one = event(extensions={"kafkatopic": "orders"})
    head = EventHead(kind).encode(one, ENDPOINT, 5)
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
    assert lines.get(b"event-topic") == told


def call(**fields: Any) -> HttpCall:
    return HttpCall(b"PUT", b"/a%20b?x=1", [(b"x-mine", b"1")], None, **fields)  # type: ignore[arg-type]


def test_a_callers_request_keeps_its_method_target_and_headers() -> None:
    head = EventHead("HTTPTrigger").encode_call(event("7", data=b"z"), call(), ENDPOINT, 5)
    namespace = EVENT_NAMESPACES["HTTPTrigger"]
    assert fixed(head) == GOLDEN % (b"PUT", b"/a%20b?x=1", namespace, 1, b"x-mine: 1\r\n")


def test_the_deadline_is_told_in_seconds_since_1970() -> None:
    head = EventHead("HTTPTrigger").encode(event(), ENDPOINT, 100)
    assert abs(float(field(head, b"x-tidegate-deadline")) - time.time() - 100) < 5


@pytest.mark.parametrize(
    ("callers", "extension"),
    [(TRACE, None), (None, TRACE), (TRACE, f"00-{'1' * 32}-{'2' * 16}-00")],
)
def test_a_callers_trace_goes_before_that_of_the_event(
    callers: str | None, extension: str | None
) -> None:
    extensions = {"traceparent": extension} if extension else {}
    trace = callers.encode() if callers else None
    head = EventHead("HTTPTrigger").encode_call(
        event(extensions=extensions), call(traceparent=trace), ENDPOINT, 5
    )
    assert field(head, b"traceparent").split(b"-")[1] == TRACE.encode().split(b"-")[1]


@pytest.mark.parametrize(
    ("data", "guess"),
    [
        (None, b"application/json"),
        (b' {"a": 1}', b"application/json"),
        (b"null", b"application/json"),
        (b"{a", b"application/x-www-form-urlencoded"),
        (b"[1]", b"application/x-www-form-urlencoded"),
        (b"", b"application/x-www-form-urlencoded"),
    ],
)
def test_a_missing_content_type_is_guessed_as_kubeless_did(data: bytes, guess: bytes) -> None:
    head = EventHead("KafkaTrigger").encode(event(data=data), ENDPOINT, 5)
    assert field(head, b"content-type") == field(head, b"event-type") == guess


def test_what_is_remembered_stays_bounded() -> None:
    heads = EventHead("KafkaTrigger")
    for number in range(3 * REMEMBERED):
        one = event(type=f"t{number}", source=f"/s{number}", datacontenttype=f"a/b{number}")
        head = heads.encode(one, ENDPOINT, 5)
        assert field(head, b"ce-type") == b"t%d" % number
        assert field(head, b"content-type") == b"a/b%d" % number
    assert max(len(heads._encoded), len(heads._content)) <= REMEMBERED


texts = st.text(st.characters(), max_size=8)


@given(
    st.builds(
        CloudEvent,
        id=texts,
        source=texts,
        type=texts,
        subject=st.none() | texts,
        time=st.none() | texts,
        datacontenttype=st.none() | texts,
        dataschema=st.none() | texts,
        extensions=st.dictionaries(texts | st.just("traceparent"), texts, max_size=2),
        data=st.none() | st.binary(max_size=8),
    )
)
def test_no_event_can_add_a_line_to_the_head(one: CloudEvent) -> None:
    try:
        head = EventHead("KafkaTrigger").encode(one, ENDPOINT, 5)
    except InvalidHeader:
        return
    *lines, blank, rest = head.split(b"\r\n")
    assert (blank, rest) == (b"", b"")
    assert all(re.fullmatch(rb"[A-Za-z0-9-]+: [^\r\n\0]*", line) for line in lines[1:])
    optional = sum(x is not None for x in (one.subject, one.dataschema)) + len(one.extensions)
    assert len(lines) == 14 + 2 * (one.time is not None) + optional
