"""Calls per second on their way from a function to its autoscaler: every name is the next one's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.manifests.objects import MANIFESTS
from tidegate.cli.autoscale.scaling import Bounds, Metric, autoscaler
from tidegate.cli.cluster.kustomize import Object

FOLDER = MANIFESTS / "autoscaling"
ROOT = MANIFESTS.parent
GOLDEN = ROOT / "tests/unit/controllers/desired/golden/shape-scaled.yaml"


def loaded(name: str) -> Object:
    """One object of the folder."""
    found: Object = yaml.safe_load((FOLDER / name).read_text())
    return found


@pytest.fixture
def rule() -> dict[str, Any]:
    """The rule of the adapter."""
    config = yaml.safe_load(loaded("adapter-rules.yaml")["data"]["config.yaml"])
    (one,) = config["rules"]
    return dict(one)


@pytest.fixture
def metric() -> dict[str, Any]:
    """What the command writes into a Function."""
    made = autoscaler("hello", Bounds(1, 3), [(Metric.QPS, "100")])
    return dict(made["spec"]["metrics"][0]["object"])


@pytest.fixture
def service() -> Object:
    """The Service that the controller makes for a function."""
    objects = yaml.safe_load_all(GOLDEN.read_text())
    every = [one for each in objects for one in (each if isinstance(each, list) else [each])]
    (found,) = (one for one in every if one.get("kind") == "Service")
    return dict(found)


def series(rule: dict[str, Any]) -> str:
    """The name of the series that the rule reads."""
    return str(rule["seriesQuery"]).partition("{")[0]


def test_the_rule_reads_what_runtimes_count(rule: dict[str, Any]) -> None:
    assert f"`{series(rule)}`" in (ROOT / "runtimes/contract.md").read_text()


def test_the_rule_serves_what_autoscalers_ask_for(
    rule: dict[str, Any], metric: dict[str, Any]
) -> None:
    matches, name = rule["name"]["matches"], rule["name"]["as"]
    served = re.sub(matches, name.replace("$1", r"\1"), series(rule))
    assert served == metric["metric"]["name"]


def test_the_rule_knows_the_object_that_autoscalers_name(
    rule: dict[str, Any], metric: dict[str, Any]
) -> None:
    kinds = {label: one["resource"] for label, one in rule["resources"]["overrides"].items()}
    assert kinds == {"namespace": "namespace", "service": metric["describedObject"]["kind"].lower()}
    for label in kinds:
        assert f'{label}!=""' in rule["seriesQuery"]


def test_the_rule_has_every_word_that_the_adapter_fills_in(rule: dict[str, Any]) -> None:
    assert rule["metricsQuery"].startswith("sum(rate(")
    assert re.findall(r"<<\.(\w+)>>", rule["metricsQuery"]) == [
        "Series",
        "LabelMatchers",
        "GroupBy",
    ]


def test_prometheus_finds_the_services_of_functions(service: Object) -> None:
    spec = loaded("functions-monitor.yaml")["spec"]
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = spec["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]


def test_the_kustomization_has_every_file() -> None:
    resources = loaded("kustomization.yaml")["resources"]
    others = {path.name for path in Path(FOLDER).glob("*.yaml")} - {"kustomization.yaml"}
    assert set(resources) == others
