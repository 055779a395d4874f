"""The revision of a function: the same for the same, another when its pods must be."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.desired.config import ControllerConfig
from controllers.desired.function import desired_objects
from controllers.desired.images import CATALOG, Phase, PodRuntime
from controllers.desired.names import REVISION
from tests.support.functions import SHAPES, container, desired, function, pod, template

BASE: dict[str, Any] = {"deps": "a", "deployment": container(env=[{"name": "A", "value": "1"}])}


def revision(config: ControllerConfig | None = None, **spec: Any) -> str:
    return desired(config, **BASE | spec).revision


def test_pods_carry_it() -> None:
    result = desired()
    assert template(result)["metadata"]["annotations"][REVISION] == result.revision


@pytest.mark.regression("Kubeless: changed code without a checksum does not reach running pods")
@pytest.mark.regression("Kubeless: a changed runtime alone changes nothing")
@pytest.mark.parametrize(
    "change",
    [
        {"function": "other"},
        {"deps": "b"},
        {"deps": ""},
        {"runtime": "python3.12"},
        {"handler": "hello.other"},
        {"handler": "other.main"},
        {"timeout": "20"},
        {"function-content-type": "text+deps"},
        {"service": {"ports": [{"port": 80, "targetPort": 9000}]}},
        {"deployment": container(env=[{"name": "A", "value": "2"}])},
        {"deployment": pod(nodeSelector={"a": "b"})},
    ],
)
def test_a_change_of_what_pods_run_on_changes_it(change: dict[str, Any]) -> None:
    assert revision(**change) != revision()


@pytest.mark.regression("Kubeless: changed dependencies reach only runtimes that install them")
def test_dependencies_of_a_runtime_that_compiles_change_it() -> None:
    go = PodRuntime("go1", Phase("run"), ".go", "go.mod", compile=Phase("compile"))
    config = ControllerConfig(runtimes={"go1": go})
    assert desired(config, runtime="go1", deps="a").revision != (
        desired(config, runtime="go1", deps="b").revision
    )


@pytest.mark.parametrize(
    "change",
    [
        {"deployment": BASE["deployment"] | {"metadata": {"labels": {"a": "b"}}}},
        {"deployment": {"spec": {**BASE["deployment"]["spec"], "replicas": 3}}},
        {"deployment": {"spec": {**BASE["deployment"]["spec"], "strategy": {"type": "Recreate"}}}},
        {"service": {"type": "NodePort"}},
        {"service": {"ports": [{"port": 80, "targetPort": 8080}]}},
        {"horizontalPodAutoscaler": {"spec": {"maxReplicas": 3}}},
        {"function-content-type": "text"},
    ],
)
def test_what_pods_do_not_see_does_not_change_it(change: dict[str, Any]) -> None:
    assert revision(**change) == revision()


def test_another_runtime_in_the_configuration_does_not_change_it() -> None:
    more = {**CATALOG, "sh1": PodRuntime("sh1", Phase("example.com/sh"))}
    assert revision(ControllerConfig(runtimes=more)) == revision()
    other = ControllerConfig(provision_image="example.com/provision:2")
    assert revision(other) != revision()


@pytest.mark.regression("Kubeless: a changed label alone is ignored")
def test_labels_and_annotations_reach_the_pods_without_changing_it() -> None:
    asked = function({"labels": {"a": "b"}, "annotations": {"c": "d"}}, **BASE)
    result = desired_objects(asked, ControllerConfig())
    assert result.revision == revision()
    assert template(result)["metadata"]["labels"]["a"] == "b"
    assert template(result)["metadata"]["annotations"]["c"] == "d"


def reordered(value: Any, order: Any) -> Any:
    """Return `value` with the keys of every mapping in another order."""
    if isinstance(value, list):
        return [reordered(item, order) for item in value]
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: reordered(value[key], order) for key in keys}
    return value


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(SHAPES)), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(shape: str, order: Any) -> None:
    spec = copy.deepcopy(SHAPES[shape])
    assert desired(**reordered(spec, order)).objects == desired(**spec).objects


@settings(deadline=None, max_examples=60)
@given(st.text(min_size=1, max_size=20), st.text(max_size=10), st.text(max_size=10))
def test_only_equal_texts_have_equal_revisions(code: str, deps: str, value: str) -> None:
    def of(code: str, deps: str, value: str) -> str:
        deployment = container(env=[{"name": "A", "value": value}])
        return desired(function=code, deps=deps, deployment=deployment).revision

    first = of(code, deps, value)
    assert of(code, deps, value) == first
    others = {of(code + "x", deps, value), of(code, deps + "x", value), of(code, deps, value + "x")}
    assert len({first} | others) == 4
