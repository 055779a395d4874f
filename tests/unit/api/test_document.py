"""Hostile and odd text is read within bounds, or refused in a sentence."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.document import MAX_TEXT, documents

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def value(text: str) -> Any:
    (document,), problems = documents(text, "f.yaml")
    assert problems == []
    assert document.mistakes == []
    return document.value


def refusal(text: str, file: str = "f.yaml") -> str:
    found, (problem,) = documents(text, file)
    assert found == []
    return str(problem)


@given(JSON)
def test_every_json_value_survives_being_written_as_yaml(original: object) -> None:
    read = value(yaml.safe_dump({"v": original}))
    assert read == {"v": original}


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    documents(text, "f.yaml")
    documents(text, "f.json")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("v: yes", True), ("v: 'yes'", "yes"), ("v: Off", False), ("v: ~", None), ("v:", None),
        ("v: 0x1F", 31), ("v: 010", 8), ("v: 0o10", 8), ("v: -0b11", -3), ("v: +7", 7),
        ("v: 1.5e3", 1500.0), ("v: .5", 0.5), ("v: 1.2.3", "1.2.3"), ("v: 12:30", "12:30"),
        ("v: 2026-01-31", "2026-01-31"), ("v: !!str 5", "5"), ("v: !!int '5'", 5),
        ("v: 1_000", "1_000"), ("v: -", ...), ("v: |\n  a\n  b\n", "a\nb\n"),
        (f"v: {'9' * 5000}", "9" * 5000), ("v: 08", 8.0),
    ],
)  # fmt: skip
def test_a_scalar_means_what_it_means_to_kubernetes(text: str, meaning: object) -> None:
    if meaning is ...:
        assert documents(text, "f.yaml")[1]
    else:
        assert value(text) == {"v": meaning}


def test_keys_are_text_as_in_json() -> None:
    assert value("{1: a, true: b, ~: c}") == {"1": "a", "true": "b", "~": "c"}


def test_a_merge_key_fills_in_what_is_absent() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {z: 0}\nc: {<<: [*a, *b], y: 3}\n"
    assert value(text)["c"] == {"x": 1, "y": 3, "z": 0}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: {<<: 3}\n", "f.yaml:1: << merges mappings only; give it an alias of a mapping"),
        ("a: &a [*a]\n", "f.yaml:1: *a stands for nothing yet; "
         "write &a before the value that it stands for"),
        ("a: &a b\n*a : c\n", "f.yaml:2: an alias is no key; write the key itself"),
        ("[" * 100, "f.yaml:1: nests deeper than 64 levels; write it flatter"),
        ("a: \ud800", "f.yaml: is not valid text; save the file as UTF-8"),
        ("a" * (MAX_TEXT + 1), "f.yaml: is larger than 1024 KiB; split it, "
         "or put large code behind an URL with function-content-type: url"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    assert refusal(text) == sentence


def test_an_alias_is_charged_what_it_stands_for() -> None:
    levels = [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)
    ]
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *levels]
    assert refusal("\n".join(lines)).startswith(
        "f.yaml:5: is too large, with all that its aliases stand for"
    )


def test_long_texts_behind_aliases_are_charged_too() -> None:
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 20)}]\n"
    assert "is too large" in refusal(text)


def test_control_characters_are_refused() -> None:
    assert "save the file as plain UTF-8 text" in refusal("a: \x00b")


@pytest.mark.parametrize("text", ["v: .inf", "v: -.INF", "v: .nan", "v: 1e999", "v: !x 5"])
def test_what_is_not_json_is_told_with_its_field(text: str) -> None:
    (document,), _ = documents(text, "f.yaml")
    (mistake,) = document.mistakes
    assert mistake.path == ("v",)
    assert not (isinstance(document.value["v"], float) and math.isinf(document.value["v"]))


@pytest.mark.parametrize("line", ["# why\n", "   \n", "\n"])
def test_long_comments_before_the_first_document_are_read_at_once(line: str) -> None:
    found, problems = documents(f"{line * 10_000}a: 1\n---\nb: 2\n", "m.yaml")
    assert [one.value for one in found] == [{"a": 1}, {"b": 2}]
    assert problems == []


def test_comments_alone_are_no_document() -> None:
    found, problems = documents("%YAML 1.1\n# why\n\n---\na: 1\n", "m.yaml")
    assert [one.value for one in found] == [{"a": 1}]
    assert problems == []


def test_lines_are_those_of_the_keys() -> None:
    (_, document), _ = documents("---\na: 1\n---\n\nb:\n  - c\n  - d: e\n", "f.yaml")
    assert document.lines[("b",)] == 5
    assert document.lines[("b", 0)] == 6
    assert document.lines[("b", 1, "d")] == 7


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("---\n" * 6000, "f.yaml: has more than 5000 documents; split it"),
        ("a:\n" * 200, "f.yaml: gives more than 100 keys twice or values that are not JSON; "
         "mend the first of them"),
    ],
)  # fmt: skip
def test_text_that_is_wrong_all_over_is_refused_as_a_whole(text: str, sentence: str) -> None:
    assert refusal(text) == sentence


def test_json_that_is_wrong_all_over_is_refused_as_a_whole() -> None:
    assert "more than 100 keys twice" in refusal("{" + '"a": 1,' * 200 + '"a": 1}', "f.json")
