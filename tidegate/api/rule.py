"""A constraint, said once: what the models hold, and what an API server holds by CEL.

Whoever applies a wrong object reads the sentence that the command line prints. The CEL form may
let a wrong value through where CEL cannot say it whole; it never refuses what the models take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from tidegate.api import cel
from tidegate.api.mistake import Mistake
from tidegate.api.problem import Path, shown

Schema = dict[str, Any]

CEL_RULES: Final = "x-kubernetes-validations"
LONGEST: Final = 1024
"""Characters of a text that is checked. API servers admit rules on bounded texts only."""


class Rule(NamedTuple):
    """A promise of a value. `cel` calls the value `self`, as `holds` gets it.

    `shows` puts the value before the message. A `secret` one is shown by nobody, the API server
    included, because a password may be in the wrong place. `path` leads to the field that is
    wrong, from the value.
    """

    holds: Callable[[Any], object]
    cel: str
    message: str
    fix: str
    path: Path = ()
    shows: bool = False
    secret: bool = False

    def mistake(self, value: object = None) -> Mistake:
        """Say that `value` breaks it."""
        message = f"{shown(value)} {self.message}" if self.shows else self.message
        return Mistake(message, self.fix, self.path)

    def unless(self, condition: str) -> Rule:
        """Return it for an API server that does not ask when the CEL `condition` is true."""
        return self._replace(cel=f"{condition} || ({self.cel})")

    def validation(self, schema: Schema) -> Schema:
        """Return it as `x-kubernetes-validations` has it, for a node of that schema."""
        sentence = f"{self.message}; {self.fix}"
        entry: Schema = {"rule": self.cel, "message": sentence}
        if self.shows:
            entry["messageExpression"] = f"{cel.shown(schema)} + {cel.text(f' {sentence}')}"
        if self.path:
            entry["fieldPath"] = cel.field_path(self.path)
        if self.secret:
            entry["reason"] = "FieldValueForbidden"
        return entry


def validations(rules: Iterable[Rule], schema: Schema) -> Schema:
    """Return `schema` with rules of which the first that is broken is told."""
    entries: list[Schema] = list(schema.get(CEL_RULES, ()))
    before: list[str] = []
    for rule in rules:
        guard = " && ".join(f"({one})" for one in before)
        asked = rule.unless(f"!({guard})") if guard else rule
        entries.append(asked.validation(schema))
        before.append(rule.cel)
    return schema | {CEL_RULES: entries} if entries else schema


class Checked:
    """Text that keeps all of `rules`, which are asked in turn, and is not too long for them."""

    def __init__(self, *rules: Rule, longest: int = LONGEST) -> None:
        self.rules = rules
        self.longest = longest

    def __call__(self, text: str) -> str:
        """Return `text`, or raise the sentence of the first rule that it breaks."""
        if len(text) > self.longest:
            raise Mistake(f"is longer than {self.longest} characters", "shorten it").error()
        for rule in self.rules:
            if not rule.holds(text):
                raise rule.mistake(text).error()
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, inner: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self, inner(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, inner: GetJsonSchemaHandler
    ) -> Schema:
        return validations(self.rules, {"maxLength": self.longest, **inner(schema)})


def matching(
    pattern: str, message: str, fix: str, *, shows: bool = True, secret: bool = False
) -> Rule:
    """Ask for text that `pattern` matches whole, in the words that RE2 and Python share."""
    whole = re.compile(pattern, re.ASCII)
    return Rule(
        whole.fullmatch, cel.matches(f"^({pattern})$"), message, fix, shows=shows, secret=secret
    )


def without(
    pattern: str, message: str, fix: str, *, shows: bool = False, secret: bool = False
) -> Rule:
    """Ask for text in which `pattern` matches nothing."""
    found = re.compile(pattern, re.ASCII)

    def holds(text: str) -> bool:
        return found.search(text) is None

    return Rule(holds, f"!{cel.matches(pattern)}", message, fix, shows=shows, secret=secret)
