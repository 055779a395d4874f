"""One dead letter as one line of JSON, from which its very bytes come back. Pure."""

from __future__ import annotations

import base64

from gateway.core.cloudevents import event_from_json, event_to_json
from gateway.core.dead_letter import Letter, letter_from_event
from gateway.core.event import CloudEvent


def line_from_event(event: CloudEvent) -> bytes:
    """Return `event` in CloudEvents' JSON format, on one line with its end.

    The payload stays readable where reading it gives the same bytes again, and is base64 where
    it does not: `{"a": 1.0}` is not what a JSON parser would write. Raises `ValueError` for an
    event that JSON cannot hold.
    """
    try:
        text = event_to_json(event)
        if b"\n" in text or event_from_json(text) != event:
            text = _with_base64(event)
    except TypeError as error:
        raise ValueError(f"the event cannot be written as JSON: {error}") from error
    return text + b"\n"


def letter_from_line(line: bytes) -> Letter | None:
    """Read a line; None for what is no dead letter, such as one that was cut off by a crash."""
    try:
        return letter_from_event(event_from_json(line))
    except ValueError:
        return None


def _with_base64(event: CloudEvent) -> bytes:
    head = event_to_json(event._replace(data=None))
    return b'%b,"data_base64":"%b"}' % (head[:-1], base64.b64encode(event.data or b""))
