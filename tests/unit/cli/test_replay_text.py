"""What a replay shows: how far it is, and how it went."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.cli.errors import ExitCode
from tidegate.cli.output import Format
from tidegate.cli.progress import bar
from tidegate.cli.triggers.replaying import exit_code, progress_text, report_text

LINE = {
    "delivered": 7,
    "failed": 1,
    "filtered": 2,
    "breaker": "closed",
    "position": "2026-01-31T12:00:00.000Z",
}
FUNCTION: dict[str, Any] = {
    "function": "hello",
    "delivered": 7,
    "failed": 1,
    "filtered": 2,
    "deadLettered": 0,
    "stopped": 0,
    "compared": 0,
    "differing": 0,
    "failures": [{"event": "orders/0/7", "position": "orders/0/7", "status": 422, "error": ""}],
    "differences": [],
}
REPORT = {
    "replay": "replay-1",
    "trigger": "orders",
    "from": "2026-01-31T11:00:00.000Z",
    "to": "2026-01-31T12:00:00.000Z",
    "compare": False,
    "functions": [FUNCTION],
}


def test_progress_counts_and_says_where_it_is() -> None:
    said = progress_text(LINE)
    assert said == "7 delivered, 1 failed, 2 filtered, at 2026-01-31T12:00:00.000Z"
    waiting = progress_text(LINE | {"breaker": "open", "position": ""})
    assert waiting.endswith("filtered, waiting: the function takes no calls")


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"error": "", "failed": 0, "unavailable": False}, ExitCode.OK),
        ({"error": "", "failed": 2, "unavailable": False}, ExitCode.FAILURE),
        ({"error": "no such topic", "failed": 0, "unavailable": False}, ExitCode.FAILURE),
        ({"error": "the brokers are away", "failed": 0, "unavailable": True}, ExitCode.UNREACHABLE),
        ({"error": "of an older gateway", "failed": 0}, ExitCode.FAILURE),
    ],
)
def test_the_exit_code_says_whether_the_broker_was_away(
    report: dict[str, Any], code: ExitCode
) -> None:
    assert exit_code(report) is code


@pytest.mark.parametrize(
    ("done", "total", "drawn"),
    [(0, 10, "[....................]   0%"), (5, 10, "[##########..........]  50%"),
     (11, 10, "[####################] 100%"), (3, 0, "[....................]   0%")],
)  # fmt: skip
def test_a_bar_shows_the_share_that_is_done(done: int, total: int, drawn: str) -> None:
    assert bar(done, total) == drawn


def test_a_report_names_what_failed() -> None:
    assert report_text(REPORT, Format.TABLE).splitlines() == [
        "replay-1: orders from 2026-01-31T11:00:00.000Z to 2026-01-31T12:00:00.000Z",
        "hello: 7 delivered, 1 failed, 2 filtered",
        "  orders/0/7 (orders/0/7): status 422",
    ]


def test_a_report_says_how_many_more_failed_than_it_names() -> None:
    more = report_text(REPORT | {"functions": [FUNCTION | {"failed": 30}]}, Format.TABLE)
    assert more.endswith("  and 29 more failed")


def test_a_comparison_names_what_was_answered_otherwise() -> None:
    other = {"event": "orders:4", "position": "4", "status": None, "live": 200}
    changed = FUNCTION | {"failures": [], "compared": 7, "differing": 1, "differences": [other]}
    said = report_text(REPORT | {"compare": True, "functions": [changed]}, Format.TABLE)
    assert "  1 of 7 compared answered otherwise than live\n" in said
    assert "  orders:4 (4): no answer, live 200" in said


def test_a_comparison_with_nothing_says_so() -> None:
    said = report_text(REPORT | {"compare": True}, Format.TABLE)
    assert said.endswith("the gateway remembers no answer that was given live then")


def test_programs_get_the_report_as_it_is() -> None:
    assert json.loads(report_text(REPORT, Format.JSON)) == REPORT


def test_a_failure_without_a_position_has_no_empty_brackets() -> None:
    letter = {"event": "a-1", "position": "", "status": None, "error": "it answered 500"}
    said = report_text(REPORT | {"functions": [FUNCTION | {"failures": [letter]}]}, Format.TABLE)
    assert said.endswith("  a-1: it answered 500")
