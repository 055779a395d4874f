"""Label selectors as they are written on command lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tidegate.cli.errors import CommandError, ExitCode

_KEY = r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?"
_EQUAL = re.compile(rf"(?P<key>{_KEY})\s*(?P<sign>==|=|!=|:)\s*(?P<value>[A-Za-z0-9._-]*)")
_AMONG = re.compile(rf"(?P<key>{_KEY})\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\)")
_THERE = re.compile(rf"(?P<sign>!?)\s*(?P<key>{_KEY})")
_COMMA = re.compile(r",(?![^(]*\))")


def selector_from(text: str) -> dict[str, Any]:
    """Return the `functionSelector` of `app=shop,tier!=test,region in (eu, us),!old`.

    Raises `CommandError`. An empty text is refused: it would select every function.
    """
    terms = [term.strip() for term in _COMMA.split(text)]
    if not all(terms):
        raise _mistake(text)
    labels: dict[str, str] = {}
    expressions: list[dict[str, Any]] = []
    for term in terms:
        match = _EQUAL.fullmatch(term)
        if match and match["sign"] != "!=":
            labels[match["key"]] = match["value"]
        else:
            expressions.append(_expression(term, text))
    kinds = {"matchLabels": labels, "matchExpressions": expressions}
    return {name: terms for name, terms in kinds.items() if terms}


def text_of(selector: dict[str, Any]) -> str:
    """Write a `functionSelector` as on a command line; empty for one that selects all."""
    return ",".join(_terms(selector))


def _expression(term: str, text: str) -> dict[str, Any]:
    if match := _EQUAL.fullmatch(term):
        return {"key": match["key"], "operator": "NotIn", "values": [match["value"]]}
    if match := _AMONG.fullmatch(term):
        operator = "In" if match["word"] == "in" else "NotIn"
        values = [value.strip() for value in match["values"].split(",")]
        return {"key": match["key"], "operator": operator, "values": values}
    if match := _THERE.fullmatch(term):
        return {"key": match["key"], "operator": "DoesNotExist" if match["sign"] else "Exists"}
    raise _mistake(text)


def _terms(selector: dict[str, Any]) -> Iterator[str]:
    for key, value in (selector.get("matchLabels") or {}).items():
        yield f"{key}={value}"
    for one in selector.get("matchExpressions") or ():
        match one["operator"]:
            case "Exists":
                yield one["key"]
            case "DoesNotExist":
                yield f"!{one['key']}"
            case operator:
                yield f"{one['key']} {operator.lower()} ({','.join(one.get('values') or ())})"


def _mistake(text: str) -> CommandError:
    return CommandError(
        f"--function-selector {text!r} is no selector; write labels of functions as "
        "app=shop,tier!=test or 'region in (eu,us)'",
        ExitCode.USAGE,
    )
