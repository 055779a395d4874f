"""The CRDs are those of the models, and an API server can take them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.api.manifests import EVERY_SHAPE
from tidegate.api.crds import FOLDER, definition, files, main
from tidegate.api.kinds import CUSTOM_KINDS

ROOT = Path(__file__).parents[3]
KINDS = pytest.mark.parametrize("kind", CUSTOM_KINDS)
ALLOWED = {
    "additionalProperties", "default", "description", "enum", "format", "items", "maxItems",
    "maxLength", "maxProperties", "nullable", "properties", "required", "type",
    "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys", "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
}  # fmt: skip
UNTYPED = ("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields")


def schema(kind: str) -> dict[str, Any]:
    (version,) = definition(kind)["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return found


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    inner = [*node.get("properties", {}).values()]
    inner += [node[key] for key in ("items", "additionalProperties") if key in node]
    for one in inner:
        yield from nodes(one)


def every_rule(kind: str) -> list[dict[str, Any]]:
    return [
        rule for node in nodes(schema(kind)) for rule in node.get("x-kubernetes-validations", ())
    ]


def test_the_files_are_those_of_the_models() -> None:
    written = {path.name: path.read_text("utf-8") for path in (ROOT / FOLDER).glob("*.kubeless.*")}
    assert written == files(), "run: python -m tidegate.api.crds"


def test_the_command_writes_the_same_files_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tidegate.api.crds", str(tmp_path / "new")]
    subprocess.run(command, check=True, timeout=30, cwd=ROOT)
    main(str(tmp_path / "again"))
    for name, text in files().items():
        assert (tmp_path / "new" / name).read_text("utf-8") == text
        assert (tmp_path / "again" / name).read_text("utf-8") == text


@KINDS
def test_every_node_of_the_schema_is_structural(kind: str) -> None:
    for node in nodes(schema(kind)):
        assert set(node) <= ALLOWED
        assert "type" in node or any(node.get(key) for key in UNTYPED), node
        assert not ("properties" in node and "additionalProperties" in node)
        assert set(node.get("required", ())) <= set(node.get("properties", ()))
        assert node.get("type") != "array" or "items" in node


@KINDS
def test_every_pattern_is_one_that_re2_has(kind: str) -> None:
    for rule in every_rule(kind):
        for pattern in re.findall(r"matches\(r'([^']*)'\)", rule["rule"]):
            re.compile(pattern)
            assert "(?" not in pattern
            assert all(int(n) <= 1000 for n in re.findall(r"\{\d+,(\d+)\}", pattern))


@KINDS
def test_every_default_is_a_value_that_its_schema_takes(kind: str) -> None:
    for node in nodes(schema(kind)):
        if "default" in node:
            assert isinstance(node["default"], {"string": str, "integer": int}[node["type"]])
            assert node["default"] in node.get("enum", [node["default"]])


@KINDS
def test_a_rule_reads_fields_that_are_there(kind: str) -> None:
    for node in nodes(schema(kind)):
        for rule in node.get("x-kubernetes-validations", ()):
            names = re.findall(r"has\(self\.([A-Za-z_]+)\)", rule["rule"])
            fields = {
                re.sub("^__(?!dash)(.*)__$", r"\1", name).replace("__dash__", "-") for name in names
            }
            assert fields <= set(node.get("properties", ()))


@KINDS
def test_a_rule_says_what_is_wrong_and_what_to_write(kind: str) -> None:
    for rule in every_rule(kind):
        message, _, fix = rule["message"].partition("; ")
        assert message
        assert fix
        assert (
            rule.get("messageExpression", rule["message"])
            .rstrip("'")
            .endswith(fix.replace("'", "\\'"))
        )


def test_a_value_that_may_be_a_secret_is_told_of_without_it() -> None:
    rules = [rule for kind in CUSTOM_KINDS for rule in every_rule(kind)]
    told = {rule["message"]: rule for rule in rules if rule.get("reason") == "FieldValueForbidden"}
    assert any(message.startswith("holds credentials") for message in told)
    assert any(message.startswith("is not the name of a Secret") for message in told)
    assert all("messageExpression" not in rule for rule in told.values())


def test_a_stored_name_is_not_asked_for_again() -> None:
    (rule,) = (rule for rule in every_rule("Function") if "optionalOldSelf" in rule)
    assert rule["rule"].startswith("oldSelf.hasValue() || ")


@KINDS
def test_every_field_is_described(kind: str) -> None:
    for name, node in schema(kind)["properties"]["spec"]["properties"].items():
        assert node.get("description"), name


@KINDS
def test_names_are_those_of_kubeless(kind: str) -> None:
    crd = definition(kind)
    assert crd["metadata"]["name"] == f"{kind.lower()}s.kubeless.io"
    assert crd["spec"]["names"]["singular"] == kind.lower()
    assert crd["spec"]["names"]["categories"] == ["tidegate"]
    assert crd["spec"]["scope"] == "Namespaced"


def test_short_names_differ() -> None:
    short = [
        name for kind in CUSTOM_KINDS for name in definition(kind)["spec"]["names"]["shortNames"]
    ]
    assert sorted(set(short)) == ["cjtr", "fn", "htr", "kitr", "ktr", "ntr"]


def test_the_function_definition_says_where_the_configuration_is() -> None:
    annotations = definition("Function")["metadata"]["annotations"]
    assert annotations == {
        "kubeless.io/namespace": "kubeless",
        "kubeless.io/config": "kubeless-config",
    }


@pytest.mark.parametrize("text", EVERY_SHAPE)
def test_nothing_that_kubeless_took_is_pruned(text: str) -> None:
    manifest = yaml.safe_load(text)
    spec = schema(manifest["kind"])["properties"]["spec"]["properties"]
    assert set(manifest["spec"]) <= set(spec)
    for field, value in manifest["spec"].items():
        if isinstance(value, dict) and field != "functionSelector":
            assert spec[field]["x-kubernetes-preserve-unknown-fields"] is True


def test_numbers_and_texts_are_both_taken_where_people_write_both() -> None:
    delivery = schema("KafkaTrigger")["properties"]["spec"]["properties"]["delivery"]["properties"]
    for field in ("timeout", "backoffDelay", "maxAge"):
        assert delivery[field]["x-kubernetes-int-or-string"] is True
    assert schema("Function")["properties"]["spec"]["properties"]["timeout"][
        "x-kubernetes-int-or-string"
    ]


def test_a_field_is_described_by_itself_before_its_type() -> None:
    delivery = schema("KafkaTrigger")["properties"]["spec"]["properties"]["delivery"]
    assert delivery["description"] == "How hard the gateway tries."
    assert delivery["properties"]["batch"]["description"].endswith("Default one event a call.")
