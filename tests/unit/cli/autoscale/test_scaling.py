"""Autoscalers of functions: what a command line makes, and what the controller makes of that."""

from __future__ import annotations

from typing import Any

import pytest

from controllers.desired.findings import Findings
from controllers.desired.scaling_metrics import scaling_metrics
from tidegate.cli.autoscale.changes import converted
from tidegate.cli.autoscale.scaling import Bounds, Metric, autoscaler, paired, rows
from tidegate.cli.errors import CommandError, ExitCode

FUNCTION: dict[str, Any] = {"metadata": {"name": "hello", "namespace": "shop"}, "spec": {}}
MANY = Bounds(1, 3)


def metric_of(metric: Metric, value: str) -> dict[str, Any]:
    """The one metric of an autoscaler."""
    made: dict[str, Any] = autoscaler("hello", MANY, [(metric, value)])["spec"]["metrics"][0]
    return made


@pytest.mark.parametrize(
    ("metric", "value", "target"),
    [
        (Metric.CPU, "60", {"type": "Utilization", "averageUtilization": 60}),
        (Metric.CPU, "60%", {"type": "Utilization", "averageUtilization": 60}),
        (Metric.CPU, "500m", {"type": "AverageValue", "averageValue": "500m"}),
        (Metric.MEMORY, "512Mi", {"type": "AverageValue", "averageValue": "512Mi"}),
        (Metric.MEMORY, "80", {"type": "Utilization", "averageUtilization": 80}),
    ],
)
def test_resources_take_percentages_and_amounts(
    metric: Metric, value: str, target: dict[str, Any]
) -> None:
    assert metric_of(metric, value) == {
        "type": "Resource",
        "resource": {"name": metric.value, "target": target},
    }


def test_calls_are_shared_among_the_pods_of_the_service() -> None:
    assert metric_of(Metric.QPS, "100") == {
        "type": "Object",
        "object": {
            "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "hello"},
            "metric": {"name": "function_calls"},
            "target": {"type": "AverageValue", "averageValue": "100"},
        },
    }


@pytest.mark.parametrize(
    ("metric", "value"),
    [(Metric.CPU, "much"), (Metric.QPS, "60%"), (Metric.QPS, "0"), (Metric.MEMORY, "1 Gi"),
     (Metric.CPU, "-1"), (Metric.CPU, "0m")],
)  # fmt: skip
def test_a_value_that_does_not_go_with_its_metric_is_refused(metric: Metric, value: str) -> None:
    with pytest.raises(CommandError, match=f"does not go with {metric.value}") as refused:
        metric_of(metric, value)
    assert refused.value.code == ExitCode.USAGE


def test_the_controller_takes_over_what_is_made() -> None:
    every = [(Metric.CPU, "60"), (Metric.MEMORY, "1Gi"), (Metric.QPS, "2k")]
    made = autoscaler("hello", MANY, every)
    found = Findings("Function hello")
    assert list(scaling_metrics(made["spec"], "here", found)) == made["spec"]["metrics"]
    assert converted({**FUNCTION, "spec": {"horizontalPodAutoscaler": made}}) == made


def test_metrics_and_values_come_in_pairs() -> None:
    pairs = paired([Metric.CPU, Metric.QPS], ["60", "100"])
    assert pairs == [(Metric.CPU, "60"), (Metric.QPS, "100")]
    with pytest.raises(CommandError, match="1 of --metric and 2 of --value"):
        paired([Metric.CPU], ["1", "2"])
    with pytest.raises(CommandError, match="cpu is given twice"):
        paired([Metric.CPU, Metric.CPU], ["1", "2"])
    with pytest.raises(CommandError, match="--max 1 is below --min 2"):
        Bounds(2, 1)


def test_rules_of_kubeless_are_listed_as_well() -> None:
    old = {
        "metadata": {"name": "hello"},
        "spec": {
            "scaleTargetRef": {"name": "hello"},
            "minReplicas": 1,
            "maxReplicas": 3,
            "metrics": [
                {
                    "type": "Object",
                    "object": {
                        "metricName": "function_calls",
                        "target": {"kind": "Service", "name": "hello"},
                        "targetValue": "2k",
                    },
                }
            ],
        },
    }
    function = {**FUNCTION, "spec": {"horizontalPodAutoscaler": old}}
    scaler = converted(function)
    assert scaler is not None
    assert list(rows(function, scaler)) == [
        {
            "name": "hello", "namespace": "shop", "target": "hello", "min": 1, "max": 3,
            "metric": "function_calls", "value": "2k",
        }
    ]  # fmt: skip


def test_the_empty_autoscaler_that_kubeless_wrote_is_none() -> None:
    empty = {"metadata": {"creationTimestamp": None}, "spec": {"maxReplicas": 0}}
    assert converted({**FUNCTION, "spec": {"horizontalPodAutoscaler": empty}}) is None
