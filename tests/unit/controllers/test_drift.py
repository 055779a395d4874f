"""A child that is as it was applied is told from one that is not, without a request."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers import drift

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)

WANTED: dict[str, Any] = {
    "metadata": {"name": "hello", "labels": {"function": "hello"}},
    "spec": {"ports": [{"name": "web", "port": 80}], "paused": False},
}


def _live() -> dict[str, Any]:
    """What the API server makes of it: more fields, and none that is empty."""
    live = copy.deepcopy(drift.stamped(WANTED))
    live["metadata"] |= {"uid": "1", "resourceVersion": "7"}
    live["spec"]["ports"][0] |= {"protocol": "TCP", "nodePort": 30000}
    live["spec"]["clusterIP"] = "10.0.0.1"
    del live["spec"]["paused"]
    return live


def test_what_the_server_adds_and_leaves_out_is_no_drift() -> None:
    assert drift.is_settled(_live(), drift.stamped(WANTED))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("spec", "ports", 0, "port"), 81),
        (("spec", "ports"), []),
        (("metadata", "labels"), {}),
        (("metadata", "annotations", drift.APPLIED), "of another time"),
    ],
)
def test_what_another_hand_has_changed_is_drift(place: tuple[Any, ...], value: object) -> None:
    live = _live()
    at: Any = live
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    assert not drift.is_settled(live, drift.stamped(WANTED))


def test_a_field_that_is_not_wanted_any_more_is_drift() -> None:
    less = {**WANTED, "spec": {"paused": False}}
    assert drift.holds(_live(), less)
    assert not drift.is_settled(_live(), drift.stamped(less))


def test_of_long_texts_only_a_digest_is_kept_and_their_change_is_seen() -> None:
    code = "print('hello')\n" * 1000
    wanted = drift.stamped({"metadata": {"name": "hello"}, "data": {"hello.py": code}})
    live = drift.trimmed(copy.deepcopy(wanted))
    assert len(str(live)) < 500
    assert drift.is_settled(live, wanted)
    changed = drift.trimmed({**copy.deepcopy(wanted), "data": {"hello.py": code + "#"}})
    assert not drift.is_settled(changed, wanted)


def test_the_content_does_not_change_with_status_and_bookkeeping() -> None:
    one, other = _live(), _live()
    other["metadata"]["resourceVersion"] = "8"
    other["status"] = {"replicas": 1}
    assert drift.content(one) == drift.content(other)
    other["spec"]["clusterIP"] = "10.0.0.2"
    assert drift.content(one) != drift.content(other)


@given(JSON)
def test_everything_holds_itself(value: Any) -> None:
    assert drift.holds(value, value)
