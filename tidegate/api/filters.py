"""The filters of a trigger, in the dialects of the CloudEvents Subscriptions API. Pure.

Source: subscriptions/spec.md 3.2.4 of https://github.com/cloudevents/spec.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tidegate.api import cel
from tidegate.api.mistake import Mistake
from tidegate.api.problem import Path, listed, nearest, quoted
from tidegate.api.rule import Rule, validations

Schema = dict[str, Any]

ON_ATTRIBUTES: Final = ("exact", "prefix", "suffix")
OF_FILTERS: Final = ("all", "any")
DIALECTS: Final = (*ON_ATTRIBUTES, *OF_FILTERS, "not")
DEEPEST: Final = 16

_ATTRIBUTE = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
_ONE_DIALECT = Rule(
    lambda expression: len(expression) == 1 and next(iter(expression)) in DIALECTS,
    f"[{', '.join(cel.has(dialect) for dialect in DIALECTS)}].exists_one(one, one)",
    "is not one filter",
    f"give each list item one of {listed(DIALECTS)}",
)
_ATTRIBUTES = Rule(
    bool, "self.size() > 0", "is empty", "name at least one attribute, for example type: x"
)
_FILTERS = Rule(bool, "self.size() > 0", "is empty", "list at least one filter")
_WANTED = Rule(bool, "self != ''", "is empty", "write the text to compare with")


def filter_schema() -> Schema:
    """Describe a filter, though not those inside it: a schema cannot contain itself."""
    text = validations((_WANTED,), {"type": "string", "maxLength": 1024})
    attributes = {"type": "object", "additionalProperties": text, "maxProperties": 64}
    inner = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    filters = {"type": "array", "items": inner, "maxItems": 64}
    properties = {
        **dict.fromkeys(ON_ATTRIBUTES, validations((_ATTRIBUTES,), attributes)),
        **dict.fromkeys(OF_FILTERS, validations((_FILTERS,), filters)),
        "not": inner,
    }
    return validations((_ONE_DIALECT,), {**inner, "properties": properties})


def filter_mistakes(expression: object, path: Path = ()) -> Iterable[Mistake]:
    """Name what is wrong with one filter and with those inside it."""
    if len(path) > 2 * DEEPEST:
        yield Mistake(f"nests deeper than {DEEPEST} filters", "write it flatter", path)
    elif not isinstance(expression, Mapping):
        yield Mistake("is not a filter", "write for example exact: {type: order.created}", path)
    elif not _ONE_DIALECT.holds(expression):
        mistake = _ONE_DIALECT.mistake()
        guess = nearest(str(next(iter(expression))), DIALECTS) if len(expression) == 1 else None
        fix = f"{mistake.fix} (did you mean {guess}?)" if guess else mistake.fix
        yield Mistake(mistake.message, fix, path)
    else:
        ((dialect, operand),) = expression.items()
        yield from _dialect_mistakes(dialect, operand, (*path, dialect))


def _dialect_mistakes(dialect: str, operand: Any, path: Path) -> Iterable[Mistake]:
    if dialect == "not":
        yield from filter_mistakes(operand, path)
    elif dialect in ON_ATTRIBUTES:
        yield from _attribute_mistakes(operand, path)
    elif not isinstance(operand, list) or not operand:
        yield _FILTERS.mistake()._replace(path=path)
    else:
        for index, one in enumerate(operand):
            yield from filter_mistakes(one, (*path, index))


def _attribute_mistakes(operand: Any, path: Path) -> Iterable[Mistake]:
    if not isinstance(operand, Mapping) or not operand:
        yield _ATTRIBUTES.mistake()._replace(path=path)
        return
    for name, wanted in operand.items():
        if _ATTRIBUTE.fullmatch(str(name)) is None:
            fix = "use lower-case letters and digits alone, as CloudEvents does"
            yield Mistake(f"{quoted(name)} is not an attribute name", fix, (*path, name))
        if not isinstance(wanted, str):
            yield Mistake("is not text", "write it in quotes", (*path, name))
        elif not wanted:
            yield _WANTED.mistake()._replace(path=(*path, name))
