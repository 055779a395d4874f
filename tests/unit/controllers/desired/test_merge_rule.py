"""The rule by which a template is laid over what would be made without it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.desired.config import ControllerConfig
from controllers.desired.findings import Findings
from controllers.desired.merge import KEYS, merged
from tests.support.functions import container, desired, pod, pods, template

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
KEYED = st.dictionaries(st.sampled_from(["name", "a", "b"]), SCALARS, max_size=3)
OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from("abcd"), SCALARS, max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(["a", "b", "env", "volumes", "strategy"]),
        inner | st.lists(KEYED),
        max_size=3,
    ),
    max_leaves=8,
)


def over(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    found = Findings("Function shop/hello")
    result = merged(base, given, "", found)
    assert not found.mistakes
    return result


def test_mappings_are_merged_and_values_replace() -> None:
    assert over({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}, "d": [1]}) == {
        "a": {"b": 1, "c": 3},
        "d": [1],
    }


def test_null_is_an_absent_field() -> None:
    assert over({"a": 1}, {"a": None, "b": None, "c": {"d": None}}) == {"a": 1, "c": {}}


def test_fields_that_exclude_each_other_are_replaced_together() -> None:
    base = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}
    assert over(base, {"strategy": {"type": "Recreate"}}) == {"strategy": {"type": "Recreate"}}
    assert over(base, {"strategy": {}}) == base
    base = {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]}
    assert over(base, {"volumes": [{"name": "v", "secret": {}}]})["volumes"] == [
        {"name": "v", "secret": {}},
        {"name": "w", "emptyDir": {}},
    ]


def test_ports_are_told_apart_by_number_and_protocol() -> None:
    base = {"ports": [{"containerPort": 53, "protocol": "TCP"}]}
    given = {
        "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "name": "a"}]
    }
    assert over(base, given)["ports"] == [
        {"containerPort": 53, "protocol": "TCP", "name": "a"},
        {"containerPort": 53, "protocol": "UDP"},
    ]


@settings(deadline=None)
@given(OBJECTS, OBJECTS)
def test_what_is_laid_over_is_there_and_nothing_is_changed(
    base: dict[str, Any], given: dict[str, Any]
) -> None:
    before = repr((base, given))
    found = Findings("")
    result = merged(base, given, "", found)
    assert repr((base, given)) == before
    if found.mistakes:
        return
    for key, value in given.items():
        if isinstance(value, bool | int | str) or (isinstance(value, list) and key not in KEYS):
            assert result[key] == value
    assert base.keys() <= result.keys()


@settings(deadline=None)
@given(OBJECTS, OBJECTS)
def test_laid_over_twice_is_laid_over_once(base: dict[str, Any], given: dict[str, Any]) -> None:
    once = merged(base, given, "", Findings(""))
    assert merged(once, given, "", Findings("")) == once


@pytest.mark.regression("Kubeless: a sidecar in the configured template ends the controller")
def test_the_configuration_may_add_a_sidecar_to_every_function() -> None:
    config = ControllerConfig(deployment=pod(containers=[{}, {"name": "s", "image": "i:1"}]))
    spec = template(desired(config, deployment=container(env=[{"name": "A", "value": "1"}])))[
        "spec"
    ]
    assert [each["name"] for each in spec["containers"]] == ["hello", "s"]


@pytest.mark.regression("Kubeless: the configured environment is there twice")
def test_the_functions_template_wins_over_the_configured_one() -> None:
    theirs = [{"name": "A", "value": "all"}, {"name": "B", "value": "all"}]
    config = ControllerConfig(deployment=container(env=theirs, imagePullPolicy="Always"))
    own = container(env=[{"name": "B", "value": "own"}])
    found = template(desired(config, deployment=own))["spec"]["containers"][0]
    assert found["env"][:2] == [{"name": "A", "value": "all"}, {"name": "B", "value": "own"}]
    assert [entry["name"] for entry in found["env"]].count("A") == 1
    assert found["imagePullPolicy"] == "Always"


@pytest.mark.regression("Kubeless: init containers of the author are dropped")
def test_init_containers_of_the_author_run_after_ours() -> None:
    warm = {"name": "warm", "image": "example.com/warm:1"}
    limits = {"resources": {"limits": {"memory": "1Gi"}}}
    steps = pods(deps="a", deployment=pod(initContainers=[limits, warm]))["initContainers"]
    assert [step["name"] for step in steps] == ["prepare", "install", "warm"]
    assert [step.get("resources") for step in steps] == [*[limits["resources"]] * 2, None]


@pytest.mark.regression("Kubeless: pull secrets of the author are overwritten for an own image")
def test_pull_secrets_add_up() -> None:
    config = ControllerConfig(pull_secrets=("provision",))
    deployment = pod(
        imagePullSecrets=[{"name": "mine"}], containers=[{"image": "example.com/own:1"}]
    )
    spec = template(desired(config, deployment=deployment))["spec"]
    assert spec["imagePullSecrets"] == [{"name": "provision"}, {"name": "mine"}]
