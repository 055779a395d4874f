"""What a YAML scalar means in JSON, read as Kubernetes reads it (YAML 1.1 without its dates)."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import yaml

from tidegate.api.problem import quoted

JSON = Any

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {
    spelling: truth
    for truth, words in ((True, ("true", "yes", "on")), (False, ("false", "no", "off")))
    for word in words
    for spelling in (word, word.capitalize(), word.upper())
}
_INTEGER: Final = re.compile(r"[-+]?(0b[01]+|0x[0-9a-fA-F]+|0o?[0-7]+|0|[1-9][0-9]*)", re.ASCII)
_FLOAT: Final = re.compile(
    r"[-+]?([0-9]+\.?[0-9]*([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?)", re.ASCII
)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER: Final = 300
_CORE: Final = "tag:yaml.org,2002:"
_TAGS: Final = frozenset({_CORE + name for name in ("null", "bool", "int", "float")})


class NotJSON(ValueError):
    """The scalar has no JSON value."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message, fix)
        self.message, self.fix = message, fix


def scalar_value(event: yaml.ScalarEvent) -> JSON:
    """Return the JSON value of a scalar. Raises `NotJSON`."""
    if event.tag is None:
        quoted_text = bool(event.style) or not event.implicit[0]
        return event.value if quoted_text else plain_value(event.value)
    if event.tag in ("!", _CORE + "str"):
        return event.value
    if event.tag in _TAGS:
        return plain_value(event.value)
    raise NotJSON(f"the tag {quoted(event.tag)} is not taken", "remove it")


def plain_value(text: str) -> JSON:
    """Return what unquoted `text` means: null, a truth value, a number or the text itself."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    return _number(text)


def _number(text: str) -> JSON:
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _NOT_FINITE.fullmatch(text):
        raise NotJSON(f"{quoted(text)} is not a JSON number", "write it in quotes")
    if _FLOAT.fullmatch(text):
        return _finite(text)
    return text


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    is_old_octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8) if is_old_octal else int(digits, 0)
    return -value if text[0] == "-" else value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotJSON(f"{quoted(text)} is not a JSON number", "write it in quotes")
    return value
