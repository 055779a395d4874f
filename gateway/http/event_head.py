"""The head of the request that brings an event to a function. Pure.

CloudEvents 1.0 in binary mode (HTTP binding 3.1), and beside it the headers that functions
written for Kubeless read: event-id, event-time, event-type, event-namespace, and event-topic
where a KafkaTrigger wrapped a record.
"""

from __future__ import annotations

import time

import orjson

from gateway.core.event import CloudEvent
from gateway.http.call import HttpCall
from gateway.http.errors import InvalidHeader
from gateway.http.headers import encode_attribute, encode_headers
from gateway.http.trace import TraceIds

OWN_HEADERS = frozenset(
    (b"host", b"content-length", b"content-type", b"traceparent", b"x-tidegate-deadline")
)
"""What is written here; a caller's own are not passed on."""

OWN_PREFIXES = (b"ce-", b"event-")

REMEMBERED = 256
"""Encoded sources, types and content types that one trigger keeps."""

EVENT_NAMESPACES = {
    "HTTPTrigger": b"httptriggers.kubeless.io",
    "CronJobTrigger": b"cronjobtrigger.kubeless.io",
    "KafkaTrigger": b"kafkatriggers.kubeless.io",
    "NATSTrigger": b"natstriggers.kubeless.io",
    "KinesisTrigger": b"kinesistriggers.kubeless.io",
}
"""Kubeless's values, its singular for cron included."""

_HEAD = (
    b"%b %b HTTP/1.1\r\nhost: %b\r\nce-specversion: 1.0\r\nevent-namespace: %b\r\n"
    b"ce-id: %b\r\nevent-id: %b\r\nce-source: %b\r\nce-type: %b\r\ntraceparent: %b\r\n"
    b"x-tidegate-deadline: %.3f\r\ncontent-length: %d\r\n%b%b\r\n"
)
_CONTENT = b"event-type: %b\r\ncontent-type: %b\r\n"

Start = tuple[bytes, bytes, bytes | None, bytes]
"""Method, target, the traceparent to continue, and header lines beside our own."""


class EventHead:
    """Writes request heads for one trigger. Encoded sources and types are remembered."""

    def __init__(self, kind: str) -> None:
        self._namespace = EVENT_NAMESPACES[kind]
        self._bare_method = b"GET" if kind == "CronJobTrigger" else b"POST"
        self._names_topic = kind == "KafkaTrigger"
        self._trace = TraceIds()
        self._encoded: dict[str, bytes] = {}
        self._content: dict[str, bytes] = {}

    def encode(self, event: CloudEvent, endpoint: str, remaining: float) -> bytes:
        """Return the head of a request of the gateway's own.

        A cron tick without a payload is a GET, as Kubeless's was; everything else is a POST.
        `remaining` is the seconds until the deadline. Raises `InvalidHeader` for an attribute
        that no header can carry.
        """
        method = self._bare_method if event.data is None else b"POST"
        content_type = event.datacontenttype or _guessed_type(event.data)
        more = self._content_lines(content_type) + b"user-agent: tidegate\r\n"
        if self._names_topic and (topic := event.extensions.get("kafkatopic")):
            more += b"event-topic: %b\r\n" % self._remembered(topic)
        return self._head(event, (method, b"/", _trace_of(event), more), endpoint, remaining)

    def encode_call(
        self, event: CloudEvent, call: HttpCall, endpoint: str, remaining: float
    ) -> bytes:
        """Return the head of a caller's request: its own method, target and headers."""
        more = encode_headers(call.headers)
        if event.datacontenttype is not None:
            more = self._content_lines(event.datacontenttype) + more
        trace = call.traceparent or _trace_of(event)
        return self._head(event, (call.method, call.target, trace, more), endpoint, remaining)

    def _head(self, event: CloudEvent, start: Start, endpoint: str, remaining: float) -> bytes:
        method, target, traceparent, more = start
        id = encode_attribute(event.id)
        return _HEAD % (
            method,
            target,
            self._remembered(endpoint),
            self._namespace,
            id,
            id,
            self._remembered(event.source),
            self._remembered(event.type),
            self._trace.continued(traceparent),
            time.time() + remaining,
            len(event.data or b""),
            _optional(event),
            more,
        )

    def _remembered(self, text: str) -> bytes:
        encoded = self._encoded.get(text)
        if encoded is None:
            encoded = _remember(self._encoded, text, encode_attribute(text))
        return encoded

    def _content_lines(self, content_type: str) -> bytes:
        lines = self._content.get(content_type)
        if lines is None:
            value = _line(content_type)
            lines = _remember(self._content, content_type, _CONTENT % (value, value))
        return lines


def _remember(memory: dict[str, bytes], key: str, value: bytes) -> bytes:
    """Keep `value`, within a bound: what a trigger repeats is few, what it could send is not."""
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = value
    return value


def _trace_of(event: CloudEvent) -> bytes | None:
    text = event.extensions.get("traceparent")
    return text.encode("utf-8", "surrogatepass") if text else None


def _optional(event: CloudEvent) -> bytes:
    """The lines of the attributes that an event may lack."""
    lines = []
    if event.time is not None:
        time_ = encode_attribute(event.time)
        lines.append(b"ce-time: %b\r\nevent-time: %b\r\n" % (time_, time_))
    if event.subject is not None:
        lines.append(b"ce-subject: %b\r\n" % encode_attribute(event.subject))
    if event.dataschema is not None:
        lines.append(b"ce-dataschema: %b\r\n" % encode_attribute(event.dataschema))
    for name, text in event.extensions.items():
        if not (name.isascii() and name.isalnum()):
            raise InvalidHeader(f"encoding extension {name!r}: only letters and digits are allowed")
        lines.append(b"ce-%b: %b\r\n" % (name.encode(), encode_attribute(text)))
    return b"".join(lines)


def _line(content_type: str) -> bytes:
    """A media type as a header value; unlike attributes it is not percent-encoded."""
    value = content_type.encode("utf-8", "surrogatepass")
    if any(code < 0x20 or code == 0x7F for code in value):
        raise InvalidHeader("encoding datacontenttype: it holds control characters")
    return value


def _guessed_type(data: bytes | None) -> str:
    """Return Kubeless's guess: JSON is an object or null, and everything else is a form."""
    if data is None or (data.lstrip()[:1] in (b"{", b"n") and _is_json_object(data)):
        return "application/json"
    return "application/x-www-form-urlencoded"


def _is_json_object(data: bytes) -> bool:
    try:
        return isinstance(orjson.loads(data), dict | None)
    except orjson.JSONDecodeError:
        return False
