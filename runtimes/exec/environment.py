"""What a program reads of its event in its environment."""

import os
from typing import Any

EVENT = {
    "event-id": "EVENT_ID",
    "event-type": "EVENT_TYPE",
    "event-time": "EVENT_TIME",
    "event-namespace": "EVENT_NAMESPACE",
}
LONGEST = 64 * 1024
"""Bytes of one variable; beyond some 128 KiB no process can be started."""


class EventTooLarge(Exception):
    """An attribute does not fit into an environment; the message names its variable."""


def environment(event: dict[str, Any], context: dict[str, Any]) -> dict[str, str]:
    """The server's environment with the event's variables: CloudEvents attributes as `CE_…`, the
    request by the names of CGI (RFC 3875), Kubeless's four as `EVENT_…`.

    Raises EventTooLarge.
    """
    request = event["extensions"]["request"]
    attributes = event["cloudevent"] or {}
    variables = {
        **{variable: event[key] for key, variable in EVENT.items()},
        **{f"CE_{name.upper()}": value for name, value in attributes.items()},
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.content_type,
        "CONTENT_LENGTH": str(len(request.body)),
        "FUNC_DEADLINE": f"{context['deadline']:.3f}",
    }
    given = {name: value for name, value in variables.items() if value is not None}
    return {**inherited(), **{name: checked(name, value) for name, value in given.items()}}


def inherited() -> dict[str, str]:
    """The server's own environment, without another event's variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CE_")}


def checked(name: str, value: str) -> str:
    """The value as a variable may hold it."""
    if len(value) > LONGEST:
        raise EventTooLarge(f"{name} has {len(value)} characters: at most {LONGEST} fit")
    return value.replace("\0", "")
