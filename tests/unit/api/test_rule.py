"""A rule says the same to the models and to an API server."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tidegate.api import cel
from tidegate.api.crds import definition
from tidegate.api.kinds import CUSTOM_KINDS
from tidegate.api.plain_rules import at_least, at_most, not_empty, one_of, present
from tidegate.api.rule import Checked, Rule, matching, validations, without

NO_DOT = matching("[^.]*", "has a dot", "leave it out")
SHORT = matching(".{0,3}", "is long", "shorten it")
CHECKED: TypeAdapter[str] = TypeAdapter(Annotated[str, Checked(NO_DOT, SHORT)])


def test_a_rule_tells_what_is_wrong_and_what_to_write() -> None:
    assert NO_DOT.mistake("a.b")[:2] == ('"a.b" has a dot', "leave it out")
    assert NO_DOT.validation({"type": "string"}) == {
        "rule": "self.matches(r'^([^.]*)$')",
        "message": "has a dot; leave it out",
        "messageExpression": (
            "'\"' + (self.size() <= 48 ? self : self.substring(0, 45) + '...') + '\"'"
            " + ' has a dot; leave it out'"
        ),
    }


def test_a_secret_is_shown_by_nobody() -> None:
    rule = without("@", "holds credentials", "remove them", secret=True)
    assert rule.mistake("a@b").message == "holds credentials"
    assert rule.validation({"type": "string"}) == {
        "rule": "!self.matches(r'@')",
        "message": "holds credentials; remove them",
        "reason": "FieldValueForbidden",
    }


def test_a_text_is_told_of_its_first_fault_alone() -> None:
    with pytest.raises(ValidationError, match="has a dot") as refused:
        CHECKED.validate_python("a.bcd")
    assert refused.value.error_count() == 1
    first, second = validations((NO_DOT, SHORT), {"type": "string"})["x-kubernetes-validations"]
    assert first["rule"] == NO_DOT.cel
    assert second["rule"] == f"!(({NO_DOT.cel})) || ({SHORT.cel})"


def test_a_text_that_is_too_long_for_an_api_server_is_too_long_for_all() -> None:
    with pytest.raises(ValidationError, match="is longer than 1024 characters; shorten it"):
        CHECKED.validate_python("a" * 1025)


def test_fields_are_named_as_cel_names_them() -> None:
    assert cel.field("delivery", "function") == "self.delivery.__function__"
    assert cel.has("a-b", "c") == "has(self.a__dash__b) && has(self.a__dash__b.c)"
    assert cel.given("namespace") == "has(self.__namespace__) && self.__namespace__ != ''"
    assert cel.field_path(("delivery", "dead-letter")) == ".delivery['dead-letter']"
    assert cel.text("it's \\") == r"'it\'s \\'"


@pytest.mark.parametrize(
    ("rule", "right", "wrong", "told"),
    [
        (one_of(["a", "b"]), "a", "c", "self in ['a', 'b']"),
        (at_least(-1), -1, -2, "self >= -1"),
        (at_most(1_000_000), 1_000_000, 1_000_001, "self <= 1000000"),
        (at_most(0.5), 0.5, 0.6, "self <= 0.5"),
        (not_empty(), "a", "", "self != ''"),
        (present("a-b", "add it"), {"a-b": 1}, {}, "has(self.a__dash__b)"),
    ],
)
def test_what_pydantic_holds_is_a_rule_too(
    rule: Rule, right: object, wrong: object, told: str
) -> None:
    assert rule.holds(right)
    assert not rule.holds(wrong)
    assert rule.cel == told


def test_no_text_that_a_rule_reads_is_without_bound() -> None:
    """An API server estimates the cost of a rule by the lengths that a schema allows."""
    for kind in CUSTOM_KINDS:
        (version,) = definition(kind)["spec"]["versions"]
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        assert list(_unbounded(spec)) == []


def _unbounded(node: dict[str, Any], path: str = "spec") -> list[str]:
    rules = node.get("x-kubernetes-validations", [])
    reads = any("self.matches" in one["rule"] for one in rules)
    found = [path] if reads and "maxLength" not in node else []
    for name, inner in node.get("properties", {}).items():
        found += _unbounded(inner, f"{path}.{name}")
    items = node.get("items")
    if isinstance(items, dict):
        inner_has_rules = bool(items.get("x-kubernetes-validations"))
        found += [path] if inner_has_rules and "maxItems" not in node else []
        found += _unbounded(items, f"{path}[]")
    return found
