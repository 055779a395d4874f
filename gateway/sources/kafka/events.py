"""CloudEvents of Kafka records. Pure: the same record gives the same event on every replica.

Source: bindings/kafka-protocol-binding.md of https://github.com/cloudevents/spec. A record that
is a CloudEvent (binary: `ce_*` headers; structured: a content type of `application/cloudevents`)
is kept as it is. Every other record is wrapped:

- id `<topic>/<partition>/<offset>`, source `kafka:<topic>` (nothing of how the cluster was
  reached, so that every spelling of its brokers yields one identity);
- type `dev.knative.kafka.event`, the name that filters out there are written for;
- subject `partition:<partition>#<offset>`, time of the record;
- extensions `kafkatopic`, `kafkapartition`, `kafkaoffset`, `partitionkey` (the record's key) and
  `kafkaheader<name>` for each header, its name reduced to a-z and 0-9.

Keys and header values that are not UTF-8 are given in base64. A tombstone is an event without data.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from gateway.core.cloudevents import event_from_attributes, event_from_json
from gateway.core.event import CloudEvent

RECORD_TYPE = "dev.knative.kafka.event"
DECODE_ERROR = "decodeerror"
_ERROR_LENGTH = 256
_CARRIED = ("traceparent", "tracestate")
_NOT_IN_A_NAME = re.compile("[^a-z0-9]+")

RecordHeaders = Sequence[tuple[str, bytes | None]]


class Record(Protocol):
    """What is read of a record."""

    offset: int
    timestamp: int
    """Milliseconds; -1 is none."""

    key: bytes | None
    value: bytes | None
    headers: RecordHeaders


class RecordEvents:
    """Makes events of one partition's records. Keeps only the text of the last second seen."""

    def __init__(self, topic: str, partition: int) -> None:
        self._topic = topic
        self._partition = str(partition)
        self._source = f"kafka:{topic}"
        self._id = f"{topic}/{partition}/"
        self._subject = f"partition:{partition}#"
        self._second = -1
        self._second_text = ""

    def event(self, record: Record) -> CloudEvent:
        """Return the event that `record` carries, or is."""
        offset = str(record.offset)
        extensions = {
            "kafkatopic": self._topic,
            "kafkapartition": self._partition,
            "kafkaoffset": offset,
        }
        if record.key:
            extensions["partitionkey"] = _text(record.key)
        # By position: this is on the path of every event, where names cost a third more.
        wrapped = CloudEvent(
            self._id + offset,
            self._source,
            RECORD_TYPE,
            self._subject + offset,
            self._time(record.timestamp),
            None,
            None,
            extensions,
            record.value,
        )
        return event_from_record(wrapped, record.headers) if record.headers else wrapped

    def _time(self, milliseconds: int) -> str | None:
        if milliseconds < 0:
            return None
        second, rest = divmod(milliseconds, 1000)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._second_text}.{rest:03d}Z"


def event_from_record(wrapped: CloudEvent, headers: RecordHeaders) -> CloudEvent:
    """Return the CloudEvent inside the record, or `wrapped` with what its headers say.

    A record that announces a CloudEvent and is a broken one is wrapped too, and says why in the
    extension `decodeerror`: the function or a filter decides, nothing is lost.
    """
    texts = {name.lower(): _text(value) for name, value in headers if value is not None}
    content_type = texts.get("content-type")
    try:
        if content_type and content_type.lower().startswith("application/cloudevents"):
            return event_from_json(wrapped.data or b"")
        if "ce_specversion" in texts or "ce_id" in texts:
            attributes = {name[3:]: text for name, text in texts.items() if name[:3] == "ce_"}
            return event_from_attributes(attributes, wrapped.data, content_type)
    except ValueError as error:
        texts[DECODE_ERROR] = str(error)[:_ERROR_LENGTH]
    return _with_headers(wrapped, texts)


def _with_headers(wrapped: CloudEvent, texts: Mapping[str, str]) -> CloudEvent:
    extensions = dict(wrapped.extensions)
    for name, text in texts.items():
        if name in _CARRIED or name == DECODE_ERROR:
            extensions[name] = text
        elif name != "content-type" and (plain := _NOT_IN_A_NAME.sub("", name)):
            extensions[f"kafkaheader{plain}"] = text
    return wrapped._replace(datacontenttype=texts.get("content-type"), extensions=extensions)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
