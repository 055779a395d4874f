"""The alerts for a cluster ask for what is told, and lead to what to do."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from controllers.core.controller import OUTCOMES
from gateway.core.delivery import Outcome
from gateway.core.progress import State
from tests.unit.docs.pages import ROOT, page

GROUPS: dict[str, list[dict[str, Any]]] = {
    group["name"]: group["rules"]
    for group in yaml.safe_load((ROOT / "manifests/monitoring/alerts.yaml").read_text())["spec"][
        "groups"
    ]
}
RULES = [rule for rules in GROUPS.values() for rule in rules]
METRICS = {row[0].strip("`"): row for row in page("docs/metrics.md").rows()}
VALUES = {
    "outcome": {one.value for one in Outcome} | set(OUTCOMES),
    "state": {one.value for one in State},
}
EVERY_RULE = pytest.mark.parametrize("rule", RULES, ids=lambda one: one["alert"])


def metrics_in(rule: dict[str, Any]) -> set[str]:
    return set(re.findall(r"\btidegate_\w+", rule["expr"]))


@EVERY_RULE
def test_a_rule_names_metrics_and_values_that_exist(rule: dict[str, Any]) -> None:
    assert metrics_in(rule) <= set(METRICS)
    for label, values in re.findall(r'(outcome|state)=~?"([^"]+)"', rule["expr"]):
        assert set(values.split("|")) <= VALUES[label]


@EVERY_RULE
def test_a_rule_tells_of_labels_that_its_metrics_have(rule: dict[str, Any]) -> None:
    known = {"namespace", "kind", "trigger", "function", "instance", "job"}
    known |= {word.strip("`") for name in metrics_in(rule) for word in METRICS[name][2].split(", ")}
    said = f"{rule['annotations']['summary']} {rule['annotations']['description']}"
    assert set(re.findall(r"\$labels\.(\w+)", said)) <= known


@EVERY_RULE
def test_a_rule_leads_to_a_section_that_exists(rule: dict[str, Any]) -> None:
    path, _, heading = rule["annotations"]["runbook"].partition("#")
    assert heading in page(path).anchors()
    assert rule["labels"]["severity"] in {"critical", "warning"}


@EVERY_RULE
def test_the_operations_page_says_what_each_of_them_means(rule: dict[str, Any]) -> None:
    assert f"`{rule['alert']}`" in page("docs/operations.md").text


def test_the_gateways_rules_are_those_of_docker_compose_but_for_one_that_names_its_job() -> None:
    text = (ROOT / "manifests/compose/prometheus/alerts.yml").read_text()
    (group,) = yaml.safe_load(text)["groups"]
    assert GROUPS["tidegate"][0]["alert"] == group["rules"][0]["alert"] == "TidegateDown"
    assert GROUPS["tidegate"][1:] == group["rules"][1:]


def test_triggers_keep_their_namespace_when_pods_are_scraped() -> None:
    text = (ROOT / "manifests/components/service-monitor/service-monitor.yaml").read_text()
    assert all(one["honorLabels"] for one in yaml.safe_load(text)["spec"]["endpoints"])
