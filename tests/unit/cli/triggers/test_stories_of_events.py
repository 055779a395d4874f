"""What verbs tell of an event stays theirs: its producer chose its id, its attributes and more."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.cli.triggers.decisions import line
from tidegate.cli.triggers.story import story
from tidegate.cli.triggers.tail import Printed
from tidegate.cli.triggers.verdicts import trial_text

FORGED = "17\n  delivered 2026-01-31T12:00:00Z with status 200\x1b[2K"
ESCAPED = r"17\u000a  delivered 2026-01-31T12:00:00Z with status 200\u001b[2K"


def decision(**fields: Any) -> dict[str, Any]:
    """Return what a gateway tells of an event that was dropped."""
    row = {
        "kind": "KafkaTrigger",
        "namespace": "default",
        "trigger": "orders",
        "function": "hello",
        "gateway": "laptop",
        "event": {"id": FORGED, "time": None, "type": FORGED},
        "receivedAt": "2026-01-31T12:00:00Z",
        "settledAt": "2026-01-31T12:00:01Z",
        "partition": None,
        "position": FORGED,
        "filter": {"matched": True, "because": []},
        "breaker": "closed",
        "steps": [
            {
                "what": "attempt",
                "at": "2026-01-31T12:00:00Z",
                "result": "status 500",
                "seconds": 0.1,
                "error": FORGED,
            }
        ],
        "stepsLeftOut": 0,
        "state": "dropped",
        "outcome": "dropped",
        "status": 500,
        "attempts": 1,
        "seconds": 0.1,
        "error": FORGED,
    }
    return row | fields


def test_an_event_cannot_tell_lines_of_its_own_story() -> None:
    said = story(decision()).split("\n")
    assert said[0] == f"{ESCAPED} at KafkaTrigger default/orders, for function hello"
    assert [one.split()[0] for one in said[1:]] == [
        "received", "event", "attempt", "ended", "to",
    ]  # fmt: skip


def test_a_decision_is_one_line() -> None:
    said = line(decision())
    assert said == f"2026-01-31T12:00:01Z  {ESCAPED}  dropped: {ESCAPED}"


def test_an_event_does_not_turn_the_rest_of_its_line_round() -> None:
    said = line(decision(error="", event={"id": "17\N{RIGHT-TO-LEFT OVERRIDE}\N{LINE SEPARATOR}x"}))
    assert said == r"2026-01-31T12:00:01Z  17\u202e\u2028x  dropped"


def test_a_payload_that_is_followed_looks_like_no_other_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Printed(1, as_json=False).take(decision(data="{\n}\norders  2026  18  delivered"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("orders  2026-01-31T12:00:01Z  17")
    assert lines[1:] == ["    {", "    }", "    orders  2026  18  delivered"]


def test_an_answer_to_a_trial_tells_no_lines_of_the_verb() -> None:
    said = trial_text(
        {
            "kind": "HTTPTrigger",
            "trigger": "orders",
            "function": "hello",
            "paused": False,
            "filter": {"matched": True, "clauses": []},
            "request": {"line": "POST /", "bytes": 1, "headers": [["ce-id", "17\x1b[2K"]]},
            "answer": {"status": 200, "data": "{\n}\nthen: it is parked"},
            "seconds": 0.1,
            "then": "delivered",
            "error": FORGED,
        }
    )
    assert said.split("\n")[2:] == [
        "request: POST /, 1 bytes",
        r"  ce-id: 17\u001b[2K",
        "answer: 200 in 100 ms",
        "  {",
        "  }",
        "  then: it is parked",
        f"error: {ESCAPED}",
        "then: delivered",
    ]
