"""docs/metrics.md has every metric that gateway and controllers expose, and no other."""

from __future__ import annotations

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from controllers import metrics as controllers
from controllers.core.controller import OUTCOMES
from controllers.metrics import ControllerNumbers, Numbers
from gateway.core.delivery import Outcome
from gateway.core.progress import Progress, State
from gateway.metrics import WorkerState, exposition
from tests.support.events import subscription
from tests.unit.docs.pages import page

PAGE = page("docs/metrics.md")


def exposed() -> dict[str, Metric]:
    """What scrapes of a busy gateway and of a controller bring, by the names that a query uses."""
    progress = Progress(lag_events=1, lag_seconds=1.0)
    workers = [WorkerState(0, up=True, restarts=0)]
    text = exposition(lambda: [(subscription(), progress)], workers)
    one = ControllerNumbers(depth=1, outcomes={}, seconds=1.0)
    numbers = Numbers(True, {"function": one}, {("list", "pods"): 1}, {"pods": True})
    families = text_string_to_metric_families((text + controllers.exposition(numbers)).decode())
    return {f"{one.name}_total" if one.type == "counter" else one.name: one for one in families}


def documented() -> dict[str, list[str]]:
    """The rows of the page's tables of metrics."""
    rows = (row for row in PAGE.rows() if row[0].startswith("`tidegate_"))
    return {row[0].strip("`"): row for row in rows}


def test_every_metric_is_documented_and_no_other() -> None:
    assert set(documented()) == set(exposed())


@pytest.mark.parametrize("name", sorted(exposed()))
def test_type_and_labels_are_those_of_the_scrape(name: str) -> None:
    _, kind, labels, _ = documented()[name]
    metric = exposed()[name]
    common = {"namespace", "kind", "trigger", "function", "le"}
    own = {label for sample in metric.samples for label in sample.labels} - common
    assert kind == metric.type
    assert {label.strip("`") for label in labels.split(", ") if label != "–"} == own


@pytest.mark.parametrize(
    "value",
    [
        *(one.value for one in Outcome),
        *(one.value for one in State),
        *Progress().attempts,
        *OUTCOMES,
    ],
)
def test_every_value_of_a_label_is_explained(value: str) -> None:
    assert f"`{value}`" in {row[0] for row in PAGE.rows()}
