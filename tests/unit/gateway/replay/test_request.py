"""A request for a replay is read whole, or refused with the field that is wrong."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.replay.request import RATE, request_from_json

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LEAST: dict[str, Any] = {"namespace": "shop", "trigger": "orders", "from": "2h"}


def test_what_is_left_out_is_the_trigger_s_own() -> None:
    request = request_from_json(LEAST, NOW)
    assert (request.namespace, request.trigger, request.kind) == ("shop", "orders", "")
    assert (request.target, request.filters, request.concurrency) == ("", (), 0)
    assert request.rate == RATE
    assert not (request.from_dead_letters or request.dead_letter or request.compare)
    assert request.window.start == NOW - timedelta(hours=2)
    assert request.window.end == NOW


def test_answers_of_other_replicas_come_along() -> None:
    rows = [["hello", "1", 200], ["hello", "2", 422], ["hello", "1", 201]]
    answers = request_from_json(LEAST | {"answers": rows}, NOW).answers
    assert answers == {("hello", "1"): 201, ("hello", "2"): 422}, "the last one counts"


def test_dead_letters_need_no_start() -> None:
    body = {"namespace": "shop", "trigger": "orders", "fromDeadLetters": True}
    window = request_from_json(body, NOW).window
    assert window.holds(datetime(1971, 1, 1, tzinfo=UTC))
    assert not window.holds(NOW)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"trigger": ""}, "name both"),
        ({"from": ""}, "from: say when to begin"),
        ({"from": "soon"}, "from: 'soon' is no time"),
        ({"to": "2h"}, "from: is not before to"),
        ({"to": "3h"}, "from: is not before to"),
        ({"to": "2027-01-01T00:00:00Z"}, "to: lies in the future"),
        ({"from": 2}, "from: is no text"),
        ({"rate": -1}, "rate: -1 is not between 0 and 100000"),
        ({"rate": True}, "rate: True is not"),
        ({"rate": float("nan")}, "rate: nan is not"),
        ({"concurrency": 5000}, "concurrency: 5000 is not between 0 and 1024"),
        ({"compare": "yes"}, "compare: is neither true nor false"),
        ({"filters": {"exact": {"type": "a"}}}, "filters: is no list"),
        ({"filters": [{"equals": {"type": "a"}}]}, "filters: filter dialect 'equals' is unknown"),
        ({"filters": [{"exact": "type"}]}, "filters: is not as CloudEvents filters are built"),
        ({"filters": ["exact"]}, "filters: "),
        ({"deadLetter": True, "target": "next"}, "deadLetter: what fails at another function"),
        ({"answers": [["hello", "id"]]}, "answers: is no list of at most 10000"),
        ({"answers": [["hello", "id", "200"]]}, "answers: is no list of at most 10000"),
        ({"answers": {}}, "answers: is no list"),
        ({"since": "2h"}, "a replay has no field 'since'; it has answers, compare"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        request_from_json(LEAST | change, NOW)


def test_a_filter_that_nests_without_end_is_refused() -> None:
    one: dict[str, Any] = {"exact": {"type": "a"}}
    for _ in range(5000):
        one = {"not": one}
    with pytest.raises(ValueError, match="filters"):
        request_from_json(LEAST | {"filters": [one]}, NOW)
