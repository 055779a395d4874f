"""What lists and `top` show of functions."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.cli.functions.metrics import NO_CALLS, NO_METRICS, rows
from tidegate.cli.functions.rows import COLUMNS, MISSING, WIDE, dependencies, row, state
from tidegate.cli.output import table

METRICS = """\
# HELP function_calls_total Calls
function_calls_total{method="GET"} 7
function_calls_total{app="x",method="POST"} 3 1700000000
function_failures_total{method="GET"} 1
function_duration_seconds_bucket{method="GET",le="1"} 7
function_duration_seconds_sum{method="GET"} 3.5
python_info{version="3"} 1
broken{method="GET"} nothing
"""


def status(ready: str, **counts: int) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": ready, "message": "why"}], **counts}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (status("True", readyReplicas=2, replicas=2), "2/2 READY"),
        (status("False", readyReplicas=0, replicas=1), "0/1 NOT READY"),
        (status("Unknown"), "0/0 NOT READY"),
        ({}, MISSING),
    ],
)
def test_a_status_counts_processes(given: dict[str, Any], said: str) -> None:
    assert state(given) == said


def test_every_wide_column_has_its_field() -> None:
    function = {"metadata": {"name": "f", "namespace": "n"}, "status": status("False")}
    columns = [*COLUMNS, *WIDE]
    heading, line = table([row(function)], columns).splitlines()
    assert len(heading.split("   ")) and line.endswith("why")
    assert set(row(function)) == {field for _, field in columns}


def test_dependencies_are_lines_or_the_names_in_json() -> None:
    assert dependencies("a==1\n\n b\n") == ["a==1", "b"]
    assert dependencies('{"dependencies": {"end": "1"}}') == ["end"]
    assert dependencies("") == []


def test_metrics_of_several_processes_are_added_up() -> None:
    get, post = rows("n", "f", [METRICS, METRICS])
    assert (get["method"], get["total_calls"], get["total_failures"]) == ("GET", 14, 2)
    assert (get["total_duration_seconds"], get["avg_duration_seconds"]) == (7.0, 0.5)
    assert (post["total_calls"], post["avg_duration_seconds"]) == (6, 0.0)


def test_a_function_without_metrics_says_so() -> None:
    (only,) = rows("n", "f", ["up 1\n"])
    assert only["message"] == NO_METRICS and only["total_calls"] is None


def test_a_function_that_was_not_called_does_expose_metrics() -> None:
    (only,) = rows("n", "f", ["# TYPE function_calls_total counter\n"])
    assert only["message"] == NO_CALLS and only["total_calls"] is None
