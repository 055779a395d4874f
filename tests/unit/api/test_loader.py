"""Text becomes resources, and whatever is wrong hides nothing that is right."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.api import manifests
from tests.unit.api.manifests import trigger
from tidegate.api.core_kinds import ConfigMap, Secret
from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.function import Function
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.loader import load, resource_from
from tidegate.api.metadata import LabelSelector
from tidegate.api.problem import Severity


@pytest.mark.parametrize("text", manifests.EVERY_SHAPE)
def test_the_shapes_that_kubeless_documented_are_taken_unchanged(text: str) -> None:
    resources, problems = load(text, "f.yaml")
    assert (len(resources), problems) == (1, [])


def test_every_document_of_a_text_is_read_in_order() -> None:
    resources, problems = load("---\n".join(manifests.EVERY_SHAPE))
    assert problems == []
    assert [resource.kind for resource in resources[2:5]] == [
        "Function",
        "HTTPTrigger",
        "CronJobTrigger",
    ]


def test_a_function_keeps_what_was_written() -> None:
    (function,), _ = load(manifests.FUNCTION_WITH_OVERRIDES)
    assert isinstance(function, Function)
    assert function.spec.timeout == 60
    assert function.spec.deps == ""
    assert function.spec.module == "handler"
    assert function.spec.service["ports"][0]["targetPort"] == 9090
    assert function.spec.horizontal_pod_autoscaler["spec"]["maxReplicas"] == 3


def test_an_empty_timeout_is_the_default_as_it_was() -> None:
    (function,), _ = load(manifests.FUNCTION.replace('timeout: "180"', 'timeout: ""'))
    assert isinstance(function, Function)
    assert function.spec.timeout == 180


def test_dates_in_a_payload_stay_text() -> None:
    spec = '{function-name: f, schedule: "@daily", payload: {day: 2026-01-31, at: 12:30}}'
    (cron,), _ = load(trigger("CronJobTrigger", spec))
    assert isinstance(cron, CronJobTrigger)
    assert cron.spec.payload == {"day": "2026-01-31", "at": "12:30"}


def test_a_list_is_unpacked() -> None:
    items = "".join(
        f"- apiVersion: kubeless.io/v1beta1\n  kind: HTTPTrigger\n"
        f"  metadata: {{name: t{number}}}\n  spec: {{function-name: hello}}\n"
        for number in range(3)
    )
    resources, problems = load(f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert ([resource.name for resource in resources], problems) == (["t0", "t1", "t2"], [])


def test_a_problem_in_a_list_has_its_own_line() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: kubeless.io/v1beta1, kind: HTTPTrigger,"
        "\n   metadata: {name: t}, spec: {\n   function-name: A}}\n"
    )
    resources, (problem,) = load(text, "f.yaml")
    assert (resources, problem.line, problem.field) == ([], 6, "spec.function-name")


def test_json_is_read_with_lines() -> None:
    text = (
        '{"apiVersion": "kubeless.io/v1beta1", "kind": "HTTPTrigger",\n'
        '\t"metadata": {"name": "t"},\n\t"spec": {"function-name": "hello",\n'
        '\t\t"path": "\\ud83d\\ude00"}}'
    )
    (http,), _ = load(text, "t.json")
    assert isinstance(http, HTTPTrigger)
    assert http.spec.path == "\N{GRINNING FACE}"
    _, (problem,) = load(text.replace('"\\ud83d\\ude00"', "7"), "t.json")
    assert str(problem).startswith("t.json:4: HTTPTrigger default/t: spec.path: 7 is not text")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1,\n}', "t.json:2: column 1: "),
        ("[" * 100_000, "t.json: "),
        ('{"a": NaN}', "t.json: NaN is not JSON; write a JSON number"),
    ],
)
def test_broken_json_is_told(text: str, sentence: str) -> None:
    (problem,) = load(text, "t.json")[1]
    assert str(problem).startswith(sentence)


def test_a_key_that_json_gives_twice_is_told() -> None:
    text = (
        '{"apiVersion": "kubeless.io/v1beta1", "kind": "HTTPTrigger", "metadata": {"name": "t"},'
        ' "spec": {"function-name": "f", "path": "a", "path": "b"}}'
    )
    resources, (problem,) = load(text, "t.json")
    assert (resources, problem.message) == ([], '"path" is given twice')


def test_one_wrong_object_does_not_hide_the_others() -> None:
    texts = [manifests.HTTP_TRIGGER, "a: [\n", manifests.CUSTOM_IMAGE, "kind: Nothing\n"]
    resources, problems = load("---\n".join(texts), "f.yaml")
    assert [resource.name for resource in resources] == ["get-python", "own-image"]
    assert len(problems) == 2


def test_a_file_that_starts_with_directives_and_comments_is_read() -> None:
    resources, problems = load("# a comment\n%YAML 1.1\n---\n" + manifests.CUSTOM_IMAGE)
    assert (len(resources), problems) == (1, [])


@pytest.mark.parametrize("text", ["", "---\n---\n", "# nothing\n", "\ufeff", "null\n"])
def test_nothing_is_no_mistake(text: str) -> None:
    assert load(text) == ([], [])


def test_secrets_and_config_maps_are_understood() -> None:
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: Opaque\n"
        "data: {a: aGVsbG8=}\nstringData: {b: world}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {x: y}\n"
    )
    (secret, config), problems = load(text)
    assert isinstance(secret, Secret)
    assert isinstance(config, ConfigMap)
    assert secret.values == {"a": b"hello", "b": b"world"}
    assert config.values == {"x": b"y"}
    assert problems == []
    assert "aGVsbG8=" not in repr(secret)
    assert "world" not in repr(secret)


def test_the_values_of_a_secret_are_never_shown() -> None:
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
        "data: {a: not-base64-hunter2, b: 12345}\nstringData: {c: 67890, d: [hunter2]}\n"
    )
    _, problems = load(text)
    said = "\n".join(map(str, problems))
    assert len(problems) == 4
    assert not any(value in said for value in ("hunter2", "12345", "67890"))


def test_objects_of_other_groups_are_only_warned_of() -> None:
    _, (problem,) = load("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n")
    assert problem.severity is Severity.WARNING


def test_two_objects_are_equal_wherever_they_were_written() -> None:
    (one,), _ = load(manifests.FUNCTION, "a.yaml")
    (other,), _ = load("\n\n" + manifests.FUNCTION, "b.yaml")
    (changed,), _ = load(manifests.FUNCTION.replace("helloget.foo", "helloget.bar"))
    assert one == other
    assert one.origin.line(("spec", "handler")) == 10
    assert one != changed


def test_anchors_and_merge_keys_are_followed() -> None:
    text = (
        "apiVersion: kubeless.io/v1beta1\nkind: HTTPTrigger\nmetadata: {name: t}\nspec:\n"
        "  function-name: &name hello\n  delivery:\n    deadLetter: {file: *name}\n"
    )
    (http,), problems = load(text)
    assert isinstance(http, HTTPTrigger)
    assert http.spec.delivery.loops_to("file") == "hello"
    merged = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n"
    _, (problem,) = load(merged)
    assert (problems, problem.field) == ([], "kind")


def test_an_object_of_an_api_server_is_read() -> None:
    value = {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": "HTTPTrigger",
        "metadata": {"name": "t", "uid": "u", "managedFields": [], "generation": 3},
        "spec": {"function-name": "hello"},
        "status": {"conditions": []},
    }
    resource, problems = resource_from(value)
    assert resource is not None
    assert (resource.metadata.uid, resource.metadata.generation, problems) == ("u", 3, [])


@pytest.mark.parametrize(
    ("selector", "accepted"),
    [
        ({}, True),
        ({"matchLabels": {"app": "a"}}, True),
        ({"matchLabels": {"app": "b"}}, False),
        ({"matchLabels": {"no": "a"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "no", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"app": "a"}, "matchExpressions": [
            {"key": "tier", "operator": "Exists"}]}, False),
    ],
)  # fmt: skip
def test_a_selector_accepts_as_kubernetes_does(selector: object, accepted: bool) -> None:
    assert LabelSelector.model_validate(selector).accepts({"app": "a"}) is accepted


def test_the_gateway_does_not_pay_for_pydantic() -> None:
    code = "import sys, tidegate.api.subscription; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
