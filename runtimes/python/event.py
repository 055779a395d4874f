"""From a request to the function's event and context."""

import json
from typing import Any
from urllib.parse import unquote

from .request import Request, Response
from .settings import Settings

Event = dict[str, Any]


class BadData(Exception):
    """The body is not what its Content-Type says; the message is for the client."""


def event_from_request(
    method: str, target: str, headers: list[tuple[str, str]], body: bytes, peer: str
) -> Event:
    """The event of one request; raises BadData."""
    lower: dict[str, str] = {}
    for name, value in headers:
        lower[name.lower()] = value
    attributes = cloudevent_attributes(lower) if "ce-id" in lower else None
    known = attributes or {}
    return {
        "data": parse_data(lower.get("content-type", ""), body),
        "event-id": lower.get("event-id", known.get("id")),
        "event-type": lower.get("event-type", known.get("type")),
        "event-time": lower.get("event-time", known.get("time")),
        "event-namespace": lower.get("event-namespace"),
        "cloudevent": attributes,
        "extensions": {
            "request": Request(method, target, headers, body, peer),
            "response": Response(),
        },
    }


def cloudevent_attributes(lower: dict[str, str]) -> dict[str, str]:
    """CloudEvents attributes of binary mode, percent-decoded."""
    attributes = {
        name[3:]: unquote(value) if "%" in value else value
        for name, value in lower.items()
        if name.startswith("ce-")
    }
    if "content-type" in lower:
        attributes["datacontenttype"] = lower["content-type"]
    return attributes


def parse_data(content_type: str, body: bytes) -> Any:
    """The body as the function sees it: JSON parsed, everything else as bytes."""
    if not content_type or not is_json(content_type):
        return body
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadData(
            f"the body is not the JSON that its Content-Type promises: {where(error)}"
        ) from error


def is_json(content_type: str) -> bool:
    """Whether a media type, with or without parameters, is JSON."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def where(error: ValueError | RecursionError) -> str:
    """What is wrong and where, without a word of the body."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else "it is not UTF-8"


def context_of(settings: Settings) -> dict[str, Any]:
    """What is the same for every call; `deadline` is added to each."""
    return {
        "function-name": settings.handler,
        "timeout": settings.timeout,
        "runtime": settings.runtime,
        "memory-limit": settings.memory_limit,
        "name": settings.name,
        "namespace": settings.namespace,
    }
