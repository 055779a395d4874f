"""The filters of a trigger, in the dialects of the CloudEvents Subscriptions API. Pure.

Source: subscriptions/spec.md 3.2.4 of https://github.com/cloudevents/spec.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tidegate.api.mistake import Mistake
from tidegate.api.problem import Path, listed, nearest, quoted

ON_ATTRIBUTES: Final = ("exact", "prefix", "suffix")
DIALECTS: Final = (*ON_ATTRIBUTES, "all", "any", "not")
DEEPEST: Final = 16

_ATTRIBUTE = re.compile(r"[a-z0-9]{1,64}", re.ASCII)


def filter_mistakes(expression: object, path: Path = ()) -> Iterable[Mistake]:
    """Name what is wrong with one filter and with those inside it."""
    if len(path) > 2 * DEEPEST:
        yield Mistake(f"nests deeper than {DEEPEST} filters", "write it flatter", path)
    elif not isinstance(expression, Mapping):
        yield Mistake("is not a filter", "write for example exact: {type: order.created}", path)
    elif len(expression) != 1:
        count = len(expression)
        fix = "give each dialect a list item of its own; all items must match"
        yield Mistake(f"has {count} dialects where a filter has one", fix, path)
    else:
        ((dialect, operand),) = expression.items()
        yield from _dialect_mistakes(str(dialect), operand, path)


def _dialect_mistakes(dialect: str, operand: Any, path: Path) -> Iterable[Mistake]:
    inner = (*path, dialect)
    if dialect not in DIALECTS:
        guess = nearest(dialect, DIALECTS)
        fix = f"did you mean {guess}?" if guess else f"use {listed(DIALECTS)}"
        yield Mistake(f"{quoted(dialect)} is not a filter dialect", fix, path)
    elif dialect == "not":
        yield from filter_mistakes(operand, inner)
    elif dialect in ON_ATTRIBUTES:
        yield from _attribute_mistakes(operand, inner)
    elif not isinstance(operand, list) or not operand:
        yield Mistake("is empty", "list at least one filter", inner)
    else:
        for index, one in enumerate(operand):
            yield from filter_mistakes(one, (*inner, index))


def _attribute_mistakes(operand: Any, path: Path) -> Iterable[Mistake]:
    if not isinstance(operand, Mapping) or not operand:
        yield Mistake("is empty", "name at least one attribute, for example type: x", path)
        return
    for name, wanted in operand.items():
        if _ATTRIBUTE.fullmatch(str(name)) is None:
            fix = "use lower-case letters and digits alone, as CloudEvents does"
            yield Mistake(f"{quoted(name)} is not an attribute name", fix, (*path, name))
        if not isinstance(wanted, str):
            yield Mistake("is not text", "write it in quotes", (*path, name))
        elif not wanted:
            yield Mistake("is empty", "write the text to compare with", (*path, name))
