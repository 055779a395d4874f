"""CloudEvents 1.0 in JSON, and attributes from any protocol's headers. Pure.

Sources: spec.md and formats/json-format.md of https://github.com/cloudevents/spec (v1.0.2).
Every error is a `ValueError` whose text says what is wrong with the event.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.core.event import CloudEvent

JSON_CONTENT_TYPE = "application/json"
_REQUIRED = ("id", "source", "type")
_OPTIONAL = ("subject", "time", "datacontenttype", "dataschema")
_STANDARD = frozenset((*_REQUIRED, *_OPTIONAL, "specversion", "data", "data_base64"))
_NAME = re.compile(r"[a-z0-9]+\Z")
_JSON_MEDIA_TYPE = re.compile(r"[^/]+/(?:json|[^;]*\+json)\Z", re.IGNORECASE)


def is_json(content_type: str | None) -> bool:
    """Say whether `content_type` (parameters allowed) announces JSON; None does, by the spec."""
    if content_type is None:
        return True
    return _JSON_MEDIA_TYPE.match(content_type.partition(";")[0].strip()) is not None


def event_from_attributes(
    attributes: Mapping[str, str], data: bytes | None, content_type: str | None
) -> CloudEvent:
    """Make an event of binary-mode attributes (names without their `ce-` prefix).

    `content_type` becomes `datacontenttype`; an attribute of that name is used only without it.
    """
    _check(attributes)
    known = {name: attributes.get(name) or None for name in _OPTIONAL}
    known["datacontenttype"] = content_type or known["datacontenttype"]
    return CloudEvent(
        attributes["id"],
        attributes["source"],
        attributes["type"],
        extensions={name: text for name, text in attributes.items() if name not in _STANDARD},
        data=data,
        **known,
    )


def event_from_json(body: bytes) -> CloudEvent:
    """Decode one event in JSON format."""
    return _event_from_object(_parsed(body))


def events_from_json(body: bytes) -> list[CloudEvent]:
    """Decode a JSON batch; it may be empty."""
    batch = _parsed(body)
    if not isinstance(batch, list):
        raise ValueError(f"a CloudEvents batch is a JSON array, not {_kind(batch)}")
    events = []
    for index, item in enumerate(batch):
        try:
            events.append(_event_from_object(item))
        except ValueError as error:
            raise ValueError(f"event {index} of the batch: {error}") from error
    return events


def event_to_json(event: CloudEvent) -> bytes:
    """Encode one event in JSON format; `data` stays JSON where it is JSON, else text or base64."""
    document: dict[str, Any] = {"specversion": "1.0"}
    for name in (*_REQUIRED, *_OPTIONAL):
        value = getattr(event, name)
        if value is not None:
            document[name] = value
    document.update(event.extensions)
    if event.data is not None:
        document.update(_data_member(event))
    return orjson.dumps(document)


def _data_member(event: CloudEvent) -> dict[str, Any]:
    data = event.data or b""
    if is_json(event.datacontenttype):
        try:
            orjson.loads(data)
            return {"data": orjson.Fragment(data)}
        except orjson.JSONDecodeError:
            return {"data_base64": base64.b64encode(data).decode()}
    try:
        return {"data": data.decode()}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(data).decode()}


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the body is not JSON: {error}") from error


def _event_from_object(document: Any) -> CloudEvent:
    if not isinstance(document, dict):
        raise ValueError(f"a CloudEvent is a JSON object, not {_kind(document)}")
    attributes = {
        name: _text(name, value)
        for name, value in document.items()
        if value is not None and name not in ("data", "data_base64")
    }
    data = _data(document, attributes.get("datacontenttype"))
    # What this format leaves unsaid must be said in any other (json-format.md 3.1).
    implied = JSON_CONTENT_TYPE if "data" in document else None
    return event_from_attributes(attributes, data, attributes.get("datacontenttype") or implied)


def _text(name: str, value: Any) -> str:
    """Return the canonical string of a JSON attribute value (spec.md, type system)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return value
    raise ValueError(f"attribute {name!r} is {_kind(value)}; it must be text, a number or a bool")


def _data(document: Mapping[str, Any], content_type: str | None) -> bytes | None:
    if "data" in document and "data_base64" in document:
        raise ValueError("the event has both data and data_base64; send one of them")
    if document.get("data_base64") is not None:
        return _from_base64(document["data_base64"])
    value = document.get("data")
    if "data" not in document or (value is None and not is_json(content_type)):
        return None
    if is_json(content_type):
        return orjson.dumps(value)
    if not isinstance(value, str):
        raise ValueError(f"data of type {content_type} is {_kind(value)}; send text or data_base64")
    return value.encode()


def _from_base64(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError("data_base64 is not base64") from error


def _check(attributes: Mapping[str, str]) -> None:
    version = attributes.get("specversion")
    if version != "1.0":
        raise ValueError(f"specversion is {version!r}; this gateway speaks '1.0'")
    for name in _REQUIRED:
        if not attributes.get(name):
            raise ValueError(f"required attribute {name!r} is missing or empty")
    for name in attributes:
        if not _NAME.match(name):
            raise ValueError(f"attribute name {name!r}: only a-z and 0-9 are allowed")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", type(None): "null"}
    return names.get(type(value), f"{value!r}"[:40])
