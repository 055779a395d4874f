"""The dashboard and the alerts ask for what the gateway tells, and alerts say what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.core.delivery import Outcome
from gateway.core.progress import Progress, State
from tests.unit.compose.files import MOUNTED, ROOT, SERVICES
from tests.unit.docs.pages import page

ALERTS = [
    rule
    for group in yaml.safe_load((MOUNTED / "prometheus/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((MOUNTED / "grafana/tidegate.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
METRICS = {
    row[0].strip("`"): row for row in page("docs/metrics.md").rows() if "tidegate_" in row[0]
}
LABELS = {"namespace", "kind", "trigger", "function", "instance", "job"}
VALUES = {
    "outcome": {one.value for one in Outcome},
    "state": {one.value for one in State},
    "result": set(Progress().attempts),
}
EVERY_ALERT = pytest.mark.parametrize("alert", ALERTS, ids=lambda one: one["alert"])
EVERY_PANEL = pytest.mark.parametrize("panel", PANELS, ids=lambda one: one["title"])


def queries() -> Iterator[str]:
    """Yield every expression of alerts, panels and variables."""
    yield from (alert["expr"] for alert in ALERTS)
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])
    yield from (each["definition"] for each in DASHBOARD["templating"]["list"])


def metrics_in(text: str) -> set[str]:
    """Return the metrics that an expression names, a histogram's series under its own name."""
    names: set[str] = set(re.findall(r"\btidegate_\w+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_a_query_names_metrics_and_values_that_exist(query: str) -> None:
    assert metrics_in(query) <= set(METRICS)
    for label, values in re.findall(r'(outcome|state|result)=~?"([^"]+)"', query):
        assert set(values.split("|")) <= VALUES[label]


def test_whatever_raises_an_alert_is_on_the_dashboard() -> None:
    alerted = set().union(*(metrics_in(alert["expr"]) for alert in ALERTS))
    shown = {
        name for panel in PANELS for one in panel["targets"] for name in metrics_in(one["expr"])
    }
    assert alerted <= shown


def test_everything_that_the_documentation_calls_worth_an_alert_is_one() -> None:
    text = page("docs/metrics.md").text.partition("## Worth an alert")[2].partition("\n## ")[0]
    alerted = set().union(*(metrics_in(alert["expr"]) for alert in ALERTS))
    assert metrics_in(text)
    assert metrics_in(text) <= alerted


@EVERY_ALERT
def test_an_alert_leads_to_the_section_that_says_what_to_do(alert: dict[str, Any]) -> None:
    path, _, heading = alert["annotations"]["runbook"].partition("#")
    assert path == "docs/troubleshooting.md"
    assert heading in page(path).anchors()


@EVERY_ALERT
def test_an_alert_says_what_is_wrong_and_how_bad_that_is(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    for text in (alert["annotations"]["summary"], alert["annotations"]["description"]):
        used = set(re.findall(r"\$labels\.(\w+)", text))
        own = {word for name in metrics_in(alert["expr"]) for word in METRICS[name][2].split(", ")}
        assert used <= LABELS | {word.strip("`") for word in own}


def test_alerts_have_names_of_their_own() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert len(names) == len(set(names))


@EVERY_PANEL
def test_a_panel_asks_the_source_that_is_provisioned(panel: dict[str, Any]) -> None:
    source = yaml.safe_load((MOUNTED / "grafana/datasource.yml").read_text())["datasources"][0]
    wanted = {"type": source["type"], "uid": source["uid"]}
    assert panel["datasource"] == wanted
    assert all(target["datasource"] == wanted for target in panel["targets"])
    assert panel["description"].endswith(".")


def test_panels_do_not_cover_one_another() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for one, other in combinations((panel["gridPos"] for panel in PANELS), 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def test_grafana_finds_the_dashboard() -> None:
    provider = yaml.safe_load((MOUNTED / "grafana/dashboards.yml").read_text())["providers"][0]
    place = f"{provider['options']['path']}/tidegate.json"
    grafana = SERVICES["grafana"]
    assert f"./manifests/compose/grafana/tidegate.json:{place}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == place


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", MOUNTED / "prometheus/prometheus.yml"), ("test", "rules", "alerts.yml")],
    ids=["configuration", "alerts"],
)
def test_prometheus_agrees(arguments: tuple[str | Path, ...]) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    found = subprocess.run(
        [program, *arguments],
        cwd=ROOT / "tests/unit/compose",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert found.returncode == 0, found.stdout + found.stderr
