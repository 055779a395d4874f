"""Autoscalers, in the form of autoscaling/v2beta1 and of v2, as autoscaling/v2 has them."""

from __future__ import annotations

from typing import Any

import pytest

from controllers.desired.code import FunctionInvalid
from tests.support.functions import by_kind, container, desired

METRICS = "spec.horizontalPodAutoscaler.spec.metrics"


def autoscaler(**spec: Any) -> dict[str, Any]:
    """Return the autoscaler that is made for this one."""
    given = {"spec": {"maxReplicas": 3} | spec}
    found: dict[str, Any] = by_kind(desired(horizontalPodAutoscaler=given))[
        "HorizontalPodAutoscaler"
    ]
    return found


def metric(kind: str, field: str, **body: Any) -> dict[str, Any]:
    """Return what becomes of one metric, without its type."""
    (found,) = autoscaler(metrics=[{"type": kind, field: body}])["spec"]["metrics"]
    assert found.pop("type") == kind
    value: dict[str, Any] = found.pop(field)
    assert not found
    return value


@pytest.mark.parametrize("name", ["cpu", "memory"])
def test_a_share_of_a_resource(name: str) -> None:
    target = {"type": "Utilization", "averageUtilization": 70}
    assert metric("Resource", "resource", name=name, targetAverageUtilization=70) == {
        "name": name,
        "target": target,
    }
    assert metric("Resource", "resource", name=name, target=target)["target"] == target


def test_an_amount_of_a_resource() -> None:
    found = metric("Resource", "resource", name="memory", targetAverageValue="64Mi")
    assert found["target"] == {"type": "AverageValue", "averageValue": "64Mi"}


def test_calls_per_second_are_a_metric_of_the_service() -> None:
    found = metric(
        "Object",
        "object",
        metricName="function_calls",
        target={"kind": "Service", "name": "hello"},
        targetValue="100",
    )
    assert found == {
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "hello"},
        "metric": {"name": "function_calls"},
        "target": {"type": "Value", "value": "100"},
    }


def test_an_average_over_pods_of_an_objects_metric() -> None:
    target = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "a"}
    found = metric(
        "Object", "object", metricName="hits", target=target, targetValue="0", averageValue="5"
    )
    assert found["describedObject"] == target
    assert found["target"] == {"type": "AverageValue", "averageValue": "5"}


def test_metrics_of_pods_and_from_outside() -> None:
    selector = {"matchLabels": {"a": "b"}}
    pods = metric("Pods", "pods", metricName="a", selector=selector, targetAverageValue="1")
    assert pods["metric"] == {"name": "a", "selector": selector}
    outside = metric("External", "external", metricName="a", metricSelector=selector, targetValue=9)
    assert outside == {
        "metric": {"name": "a", "selector": selector},
        "target": {"type": "Value", "value": 9},
    }


def test_the_form_of_today_is_kept_as_it_is() -> None:
    body = {
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "hello"},
        "metric": {"name": "function_calls"},
        "target": {"type": "AverageValue", "averageValue": "5"},
    }
    assert metric("Object", "object", **body) == body
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 10}}
    assert autoscaler(behavior=behavior)["spec"]["behavior"] == behavior


def test_the_oldest_form_names_a_share_of_the_processor() -> None:
    (found,) = autoscaler(targetCPUUtilizationPercentage=50)["spec"]["metrics"]
    assert found["resource"]["target"] == {"type": "Utilization", "averageUtilization": 50}


@pytest.mark.regression("Kubeless: only the first metric of an autoscaler is looked at")
def test_several_metrics_stand_side_by_side() -> None:
    some = [
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 70}},
        {"type": "Pods", "pods": {"metricName": "a", "targetAverageValue": "1"}},
    ]
    assert [each["type"] for each in autoscaler(metrics=some)["spec"]["metrics"]] == [
        "Resource",
        "Pods",
    ]


@pytest.mark.regression("Kubeless: an autoscaler without metrics ends the controller")
def test_an_autoscaler_without_metrics_has_those_that_kubernetes_gives_it() -> None:
    assert "metrics" not in autoscaler()["spec"]


@pytest.mark.regression("Kubeless: an autoscaler and the Deployment set the replicas in turns")
def test_replicas_are_the_autoscalers() -> None:
    given = {"spec": {"minReplicas": 2, "maxReplicas": 3}}
    objects = by_kind(desired(deployment={"spec": {"replicas": 1}}, horizontalPodAutoscaler=given))
    assert "replicas" not in objects["Deployment"]["spec"]
    assert objects["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


@pytest.mark.regression("Kubeless: autoscaling/v2beta1 is gone, and autoscalers with it")
def test_it_scales_the_deployment_of_the_function() -> None:
    old = {"apiVersion": "apps/v1beta1", "kind": "Deployment", "name": "hello"}
    found = autoscaler(scaleTargetRef=old)
    assert found["apiVersion"] == "autoscaling/v2"
    assert found["spec"]["scaleTargetRef"] == old | {"apiVersion": "apps/v1"}


@pytest.mark.parametrize("empty", [{}, {"spec": {}}, {"metadata": {"creationTimestamp": None}}])
def test_an_empty_one_is_none(empty: dict[str, Any]) -> None:
    assert "HorizontalPodAutoscaler" not in by_kind(desired(horizontalPodAutoscaler=empty))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"maxReplicas": None, "minReplicas": 1, "metrics": [{}]}, ".spec.maxReplicas is missing"),
        ({"minReplicas": 0}, ".spec.minReplicas is 0; write a number above 0: a function has"),
        ({"minReplicas": 4}, ".spec.minReplicas is 4, above maxReplicas; write 3 or less"),
        (
            {"scaleTargetRef": {"name": "other"}},
            '.spec.scaleTargetRef.name is "other"; write hello',
        ),
        ({"metrics": {}}, ".spec.metrics is a mapping; write a list"),
        ({"metrics": [{"type": "Magic"}]}, '.spec.metrics[0].type is "Magic"; write Resource, '),
        ({"metrics": [{"type": "Pods"}]}, ".spec.metrics[0].pods is missing; describe the metric"),
        (
            {"metrics": [{"type": "Resource", "resource": {"name": "cpu"}}]},
            ".spec.metrics[0].resource has no target; set target, or targetAverageUtilization or",
        ),
        (
            {"metrics": [{"type": "Object", "object": {"metricName": "a", "targetValue": "1"}}]},
            ".spec.metrics[0].object.target names no object; name the object that has the metric",
        ),
        (
            {"metrics": [{"type": "Pods", "pods": {"targetAverageValue": "1"}}]},
            ".spec.metrics[0].pods.metricName is missing; name the metric",
        ),
    ],
)
def test_a_mistake_names_the_field(spec: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FunctionInvalid) as caught:
        autoscaler(**spec)
    place = "Function shop/hello: spec.horizontalPodAutoscaler"
    assert any(each.startswith(place + sentence) for each in caught.value.sentences), str(
        caught.value
    )


def test_a_share_of_what_was_not_asked_for_is_warned_of() -> None:
    share = {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 70}}
    given = {"spec": {"maxReplicas": 3, "metrics": [share]}}
    (warning,) = desired(horizontalPodAutoscaler=given).warnings
    assert "the container requests no cpu" in warning
    asking = container(resources={"requests": {"cpu": "100m"}})
    assert desired(horizontalPodAutoscaler=given, deployment=asking).warnings == ()


def test_a_name_of_its_own_is_warned_of_since_two_autoscalers_would_fight() -> None:
    given = {"metadata": {"name": "fast"}, "spec": {"maxReplicas": 3}}
    result = desired(horizontalPodAutoscaler=given)
    assert 'metadata.name is "fast", but the autoscaler is named hello' in result.warnings[0]
    assert by_kind(result)["HorizontalPodAutoscaler"]["metadata"]["name"] == "hello"
