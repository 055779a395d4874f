"""CloudEvents in the headers of NATS messages, both ways. Pure.

Source: bindings/nats-protocol-binding.md of https://github.com/cloudevents/spec, binary mode. The
body is the payload, byte by byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from gateway.core.cloudevents import event_from_attributes
from gateway.core.event import CloudEvent

PREFIX = "ce-"
_PLAIN = "!#$&'()*+,/:;<=>?@[\\]^_`{|}~-."


def headers_from_event(event: CloudEvent) -> dict[str, str]:
    """Return the headers of the message that carries `event`."""
    return {PREFIX + name: encoded(text) for name, text in event.attributes().items()}


def event_from_binary(headers: Mapping[str, str], data: bytes) -> CloudEvent:
    """Return the event of a message; raises `ValueError` when it carries none."""
    lower = {name.lower(): value for name, value in headers.items()}
    return event_from_attributes(attributes_from_headers(lower), data, None)


def attributes_from_headers(lower: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes among headers with lower-case names."""
    return {
        name[len(PREFIX) :]: unquote(value) if "%" in value else value
        for name, value in lower.items()
        if name.startswith(PREFIX)
    }


def encoded(text: str) -> str:
    """Return `text` as a header may hold it: percent-encoded but for printable ASCII."""
    return quote(text, safe=_PLAIN, errors="backslashreplace")
