"""Every mistake is a sentence that says where it is, what is wrong and what to write instead."""

from __future__ import annotations

import pytest

from tests.unit.api.manifests import FUNCTION, trigger
from tests.unit.api.mistakes import (
    CRON,
    DELIVERY_MISTAKES,
    FEEDS,
    FUNCTION_MISTAKES,
    TRIGGER_MISTAKES,
)
from tidegate.api.loader import load


def said(text: str) -> list[str]:
    """Return the problems of `text`, without the place that all of them share."""
    return [str(problem).removeprefix("f.yaml:") for problem in load(text, "f.yaml")[1]]


def about(kind: str, spec: str) -> list[str]:
    return [line.removeprefix(f"4: {kind} default/t: ") for line in said(trigger(kind, spec))]


def function(old: str, new: str) -> list[str]:
    assert old in FUNCTION
    lines = said(FUNCTION.replace(old, new))
    return [line.partition("Function default/get-python: ")[2] for line in lines]


@pytest.mark.parametrize(("block", "sentence"), DELIVERY_MISTAKES.items())
def test_a_mistake_in_delivery_is_told(block: str, sentence: str) -> None:
    spec = f"{{topic: t, {FEEDS}, delivery: {{{block}}}}}"
    assert about("KafkaTrigger", spec) == [f"spec.delivery.{sentence}"]


@pytest.mark.parametrize(("kind", "spec", "sentence"), TRIGGER_MISTAKES)
def test_a_mistake_in_a_trigger_is_told(kind: str, spec: str, sentence: str) -> None:
    assert about(kind, spec) == [sentence]


@pytest.mark.parametrize(("old", "new", "sentence"), FUNCTION_MISTAKES)
def test_a_mistake_in_a_function_is_told(old: str, new: str, sentence: str) -> None:
    assert function(old, new) == [sentence]


def test_a_name_that_no_service_can_have_is_told() -> None:
    (line,) = said(FUNCTION.replace("name: get-python\n", "name: 1st\n"))
    assert line == (
        '5: Function default/1st: metadata.name: "1st" is not a name that a Service takes; '
        "start with a letter and use at most 63 lower-case letters, digits and dashes"
    )


def test_a_function_without_code_or_image_is_told() -> None:
    assert about("Function", "{runtime: python3.11}") == [
        "spec: has neither code nor an image; "
        "add function, handler and runtime, or an image under deployment"
    ]


def test_a_filter_that_nests_without_end_is_told() -> None:
    nested = "{not: " * 40 + "{exact: {type: a}}" + "}" * 40
    spec = f"{{topic: t, {FEEDS}, delivery: {{filter: [{nested}]}}}}"
    (line,) = about("KafkaTrigger", spec)
    assert line.endswith("nests deeper than 16 filters; write it flatter")


def test_a_wrong_field_does_not_raise_a_second_mistake_elsewhere() -> None:
    assert len(function('deps: ""', "deployment: [a]")) == 1
    block = "delivery: {onExhausted: deadLetter, deadLetter: {nats: 5}}"
    assert len(about("KafkaTrigger", f"{{topic: a, {FEEDS}, {block}}}")) == 1


OBJECT_MISTAKES = [
    ("kind: CronTrigger\napiVersion: kubeless.io/v1beta1\n",
     '1: CronTrigger default/?: kind: "CronTrigger" is not a kind that runs here; did you mean '
     "CronJobTrigger? The kinds are Function, HTTPTrigger, CronJobTrigger, KafkaTrigger, "
     "NATSTrigger or KinesisTrigger"),
    ("kind: Function\napiVersion: kubeless.io/v1\n",
     '2: Function default/?: apiVersion: "kubeless.io/v1" is not the version of Function; '
     "write apiVersion: kubeless.io/v1beta1"),
    ("kind: Function\n",
     "1: Function default/?: apiVersion: is missing; add apiVersion: kubeless.io/v1beta1"),
    ("apiVersion: kubeless.io/v1beta1\n",
     "1: object default/?: kind: is missing; add kind: Function, HTTPTrigger, CronJobTrigger, "
     "KafkaTrigger, NATSTrigger or KinesisTrigger"),
    ("- a\n- b\n", "1: holds no object; "
     "start it with apiVersion: kubeless.io/v1beta1 and kind: Function"),
    ("a: b\n\tc: d\n", "2: column 1: found a tab character that violates indentation; "
     "indent with spaces, not tabs"),
    ("a: *b\n", "1: *b stands for nothing yet; write &b before the value that it stands for"),
    ("a: !!python/object:os.system {}\n",
     '1: the tag "tag:yaml.org,2002:python/object:os.system" is not taken; remove it'),
    ("? [a]\n: b\n", "1: a mapping or list is no key; write a text as the key"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), OBJECT_MISTAKES)
def test_a_mistake_around_an_object_is_told(text: str, sentence: str) -> None:
    assert said(text) == [sentence]


def test_a_key_that_is_given_twice_is_told() -> None:
    lines = said(trigger("HTTPTrigger", "{function-name: f, path: a, path: b}"))
    assert lines == ['4: HTTPTrigger default/t: spec.path: "path" is given twice; keep one of them']


def test_a_missing_spec_says_what_belongs_there() -> None:
    (line,) = said("apiVersion: kubeless.io/v1beta1\nkind: KafkaTrigger\nmetadata: {name: t}\n")
    assert line.endswith("spec: is missing; add spec with topic and functionSelector")


def test_a_schedule_that_is_wrong_or_never_fires_is_told() -> None:
    for schedule in ("61 * * * *", "0 0 31 2 *", "* * * *"):
        (line,) = about("CronJobTrigger", f"{{function-name: f, schedule: '{schedule}'}}")
        assert line.startswith("spec.schedule: ")
    (line,) = about("CronJobTrigger", f"{{{CRON}, timeZone: Mars/Olympus}}")
    assert line.startswith("spec.timeZone: ")
    assert "Mars/Olympus" in line


def test_every_mistake_of_an_object_is_told_at_once() -> None:
    spec = (
        "{tls: true, tls-secret: c, methods: [get], delivery: "
        "{retry: -2, onExhausted: deadLetter, filter: [{exact: {Type: a}}]}}"
    )
    fields = [line.partition(":")[0] for line in about("HTTPTrigger", spec)]
    assert sorted(fields) == [
        "spec.delivery.filter[0].exact.Type",
        "spec.delivery.onExhausted",
        "spec.delivery.retry",
        "spec.function-name",
        "spec.host-name",
        "spec.methods[0]",
        "spec.tls-secret",
    ]


def test_credentials_in_an_url_are_never_shown() -> None:
    for block in (
        "url: 'nats://hunter2@x'",
        "delivery: {deadLetter: {http: 'http://a:hunter2@x'}}",
    ):
        (line,) = about("NATSTrigger", f"{{topic: a, {FEEDS}, {block}}}")
        assert line.endswith("holds credentials; remove them and put them into a Secret")
        assert "hunter2" not in line


def test_a_problem_is_one_line() -> None:
    lines = said(trigger("HTTPTrigger", '{function-name: "a\\nb"}'))
    assert len(lines) == 1
    assert "\n" not in lines[0]


def test_an_object_that_is_wrong_all_over_is_told_of_briefly() -> None:
    fields = ", ".join(f"field{number}: 1" for number in range(5000))
    assert 50 <= len(said(trigger("HTTPTrigger", f"{{function-name: f, {fields}}}"))) <= 100
