"""Filters as they are written on command lines. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from tidegate.cli.errors import CommandError, ExitCode

_SHORT = re.compile(r"(?P<name>[A-Za-z0-9]+)(?P<sign>!=|\^=|\$=|=)(?P<value>.+)", re.DOTALL)
_DIALECTS = {"=": "exact", "^=": "prefix", "$=": "suffix"}


def filter_from(text: str) -> dict[str, Any]:
    """Return the filter of `type=order.created`, `!=`, `^=` (begins) and `$=` (ends), or of JSON.

    Raises `CommandError`.
    """
    if text.lstrip().startswith("{"):
        return _parsed(text)
    match = _SHORT.fullmatch(text)
    if match is None:
        raise _mistake(text)
    attribute = {match["name"]: match["value"]}
    if match["sign"] == "!=":
        return {"not": {"exact": attribute}}
    return {_DIALECTS[match["sign"]]: attribute}


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _mistake(text) from error
    return dict(value)


def _mistake(text: str) -> CommandError:
    return CommandError(
        f"--filter {text!r} is no filter; write type=order.created (^= begins, $= ends, != is "
        'not), or JSON such as {"any": [{"exact": {"type": "a"}}]}',
        ExitCode.USAGE,
    )
