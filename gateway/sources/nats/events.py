"""CloudEvents of NATS messages. Pure: the same message gives the same event on every replica.

Sources: bindings/nats.md of https://github.com/cloudevents/spec (structured in 1.0.2, binary
headers since), and ADR-15 of nats-architecture-and-design for the JetStream reply subject.

A message that is no CloudEvent is wrapped. Its `source` names what holds it and nothing of how
it was reached, so that every spelling of a server's address yields one identity:

- JetStream: id `<stream>:<sequence>`, source `nats:<stream>` (`nats:<domain>/<stream>` where
  the trigger names a domain), type `io.nats.jetstream.message`;
- core: id `Nats-Msg-Id`, or one of this process; source `nats:<subject of the trigger>`, type
  `io.nats.core.message`.

How often a message was delivered is no part of the event: a redelivery is the same event.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from gateway.core.cloudevents import event_from_attributes, event_from_json
from gateway.core.event import NO_EXTENSIONS, CloudEvent
from gateway.nats.binary import attributes_from_headers

JETSTREAM_TYPE = "io.nats.jetstream.message"
CORE_TYPE = "io.nats.core.message"
DECODE_ERROR = "decodeerror"
_ERROR_LENGTH = 256
_CARRIED = ("traceparent", "tracestate")
_SUBJECT_SAFE = "/:@!$&'()*+,;=>"


class StreamPosition(NamedTuple):
    """Where a JetStream message stands, as the tokens of its reply subject.

    `sequence` and `timestamp` together are its identity even when the stream is deleted and
    created anew: the sequence starts over, the time does not.
    """

    stream: str
    deliveries: str
    sequence: str
    timestamp: str
    pending: str


def position_from_reply(reply: str) -> StreamPosition | None:
    """Read the acknowledgement subject of a JetStream message; None when it is none."""
    tokens = reply.split(".")
    if len(tokens) < 9 or not reply.startswith("$JS.ACK."):
        return None
    # With a domain and an account hash there are two tokens more in front.
    at = 2 if len(tokens) < 11 else 4
    return StreamPosition(
        tokens[at], tokens[at + 2], tokens[at + 3], tokens[at + 5], tokens[at + 6]
    )


class StreamEvents:
    """Makes events of one stream's messages. Keeps only the text of the last second seen."""

    def __init__(self, stream: str, domain: str | None) -> None:
        self._source = f"nats:{quote(domain)}/{stream}" if domain else f"nats:{stream}"
        self._second = -1
        self._second_text = ""

    def event(
        self, subject: str, headers: Mapping[str, str] | None, data: bytes, at: StreamPosition
    ) -> CloudEvent:
        """Return the event that the message carries, or is."""
        wrapped = CloudEvent(
            f"{at.stream}:{at.sequence}",
            self._source,
            JETSTREAM_TYPE,
            subject,
            self._time(int(at.timestamp)),
            extensions={"sequence": at.sequence.zfill(20)},
            data=data,
        )
        return event_from_message(wrapped, headers)

    def _time(self, nanoseconds: int) -> str:
        second, rest = divmod(nanoseconds, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._second_text}.{rest:09d}Z"


class SubjectEvents:
    """Makes events of core NATS messages, which have no position: ids are of this process."""

    def __init__(self, subject: str) -> None:
        self._source = f"nats:{quote(subject, safe=_SUBJECT_SAFE)}"
        self._process = secrets.token_hex(8)
        self._count = itertools.count(1)

    def event(self, subject: str, headers: Mapping[str, str] | None, data: bytes) -> CloudEvent:
        """Return the event that the message carries, or is, received now."""
        given = headers.get("Nats-Msg-Id") if headers else None
        wrapped = CloudEvent(
            given or f"{self._process}-{next(self._count)}",
            self._source,
            CORE_TYPE,
            subject,
            datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            data=data,
        )
        return event_from_message(wrapped, headers)


def event_from_message(wrapped: CloudEvent, headers: Mapping[str, str] | None) -> CloudEvent:
    """Return the CloudEvent inside the message, or `wrapped` when it carries none.

    A message that announces a CloudEvent and is a broken one is wrapped too, and says why in
    the extension `decodeerror`: the function or a filter decides, nothing is lost.
    """
    data = wrapped.data or b""
    if not headers:
        return _event_in_body(data) or wrapped
    lower = {name.lower(): value for name, value in headers.items()}
    content_type = lower.get("content-type")
    wrapped = _with_headers(wrapped, lower)
    try:
        if content_type and content_type.lower().startswith("application/cloudevents"):
            return event_from_json(data)
        if "ce-specversion" in lower or "ce-id" in lower:
            attributes = attributes_from_headers(lower)
            return event_from_attributes(
                attributes, data, attributes.get("datacontenttype") or content_type
            )
    except ValueError as error:
        return _undecodable(wrapped, error)
    return _event_in_body(data) or wrapped


def _event_in_body(data: bytes) -> CloudEvent | None:
    """Decode a structured event sent without headers; parse nothing that cannot be one."""
    if data[:1] not in (b"{", b" ", b"\n") or b'"specversion"' not in data:
        return None
    try:
        return event_from_json(data)
    except ValueError:
        return None


def _with_headers(wrapped: CloudEvent, lower: Mapping[str, str]) -> CloudEvent:
    carried = {name: lower[name] for name in _CARRIED if name in lower}
    extensions = {**wrapped.extensions, **carried} if carried else wrapped.extensions
    return wrapped._replace(datacontenttype=lower.get("content-type"), extensions=extensions)


def _undecodable(wrapped: CloudEvent, error: ValueError) -> CloudEvent:
    extensions = {**(wrapped.extensions or NO_EXTENSIONS), DECODE_ERROR: str(error)[:_ERROR_LENGTH]}
    return wrapped._replace(extensions=extensions)
