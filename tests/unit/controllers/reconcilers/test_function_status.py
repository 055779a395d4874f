"""What a Function's status says of its rollout, and of its pods."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controllers import drift
from controllers.desired import names
from controllers.reconcilers.function_status import Observation, Refusal, function_status
from controllers.reconcilers.pods import LINES, trouble_of
from controllers.reconcilers.rollout import Rollout, rollout_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FUNCTION = {"metadata": {"name": "hello", "generation": 3}}
WANTED = {"metadata": {"name": "hello"}, "spec": {"replicas": 2}}
ALL = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}


def _deployment(generation: int = 4, **status: Any) -> dict[str, Any]:
    stamped = drift.stamped(WANTED)
    metadata = {**stamped["metadata"], "generation": generation}
    return {**stamped, "metadata": metadata, "status": {"observedGeneration": 4, **status}}


def _truths(seen: Observation) -> dict[str, tuple[str, str]]:
    status = function_status(FUNCTION, {}, seen, NOON)
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


@pytest.mark.parametrize(
    ("live", "ready"),
    [
        (None, ("Unknown", "RollingOut")),
        (_deployment(), ("Unknown", "RollingOut")),
        (_deployment(**ALL), ("True", "Serving")),
        # The counts are those of a spec that is not any more.
        (_deployment(generation=5, **ALL), ("Unknown", "RollingOut")),
        # One pod of the revision before still answers.
        (_deployment(**{**ALL, "replicas": 3}), ("Unknown", "RollingOut")),
        # Scaling up is no reason to be unready.
        (_deployment(**{**ALL, "availableReplicas": 1}), ("True", "Serving")),
    ],
)
def test_ready_is_who_answers_as_written(live: Any, ready: tuple[str, str]) -> None:
    assert _truths(Observation(rollout_of(live, WANTED)))["Ready"] == ready


def test_what_the_watch_has_not_brought_yet_is_not_taken_for_rolled_out() -> None:
    other = {**WANTED, "spec": {"replicas": 3}}
    assert _truths(Observation(rollout_of(_deployment(**ALL), other)))["Ready"][0] == "Unknown"


def test_quota_and_deadline_are_named() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    refused = rollout_of(_deployment(conditions=[failure]), WANTED)
    assert _truths(Observation(refused))["Ready"] == ("False", "PodsRefused")
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    stuck = rollout_of(_deployment(conditions=[late]), WANTED)
    assert _truths(Observation(stuck))["Ready"] == ("False", "DeadlineExceeded")
    assert _truths(Observation(stuck))["Progressing"] == ("False", "DeadlineExceeded")


def test_nobody_answers_for_a_function_of_no_pods() -> None:
    none = Rollout(is_current=True)
    assert _truths(Observation(none))["Ready"] == ("False", "ScaledToZero")


def test_a_refusal_hides_neither_pods_nor_address() -> None:
    seen = Observation(rollout_of(_deployment(**ALL), None), refusal=Refusal("Invalid", "no"))
    assert _truths(seen)["Ready"] == ("False", "Invalid")
    assert _truths(seen)["Available"] == ("True", "PodsAvailable")
    status = function_status(FUNCTION, {"url": "http://a"}, seen, NOON)
    assert (status["url"], status["readyReplicas"], status["observedGeneration"]) == (
        "http://a",
        2,
        3,
    )


def _pod(revision: str = "now", **status: Any) -> dict[str, Any]:
    return {"metadata": {"annotations": {names.REVISION: revision}}, "status": status}


def _container(name: str, waiting: str = "", **end: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": waiting, "message": "as it says"}} if waiting else {}
    return {
        "name": name,
        "image": "example.com/a",
        "ready": False,
        "state": state,
        "lastState": {"terminated": end} if end else {},
    }


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"initContainerStatuses": [_container("install", exitCode=1)]}, "BuildFailed"),
        ({"initContainerStatuses": [_container("install", exitCode=0)]}, None),
        ({"initContainerStatuses": [_container("a", "ImagePullBackOff")]}, "ImageUnavailable"),
        ({"containerStatuses": [_container("a", "ErrImagePull")]}, "ImageUnavailable"),
        (
            {"containerStatuses": [_container("a", "CreateContainerConfigError")]},
            "ContainerRefused",
        ),
        ({"containerStatuses": [_container("a", "CrashLoopBackOff", exitCode=1)]}, "Crashing"),
        ({"containerStatuses": [_container("a", "ContainerCreating")]}, None),
        ({"conditions": [{"type": "PodScheduled", "reason": "Unschedulable"}]}, "Unschedulable"),
        ({}, None),
    ],
)
def test_the_trouble_of_a_pod_has_a_name(status: dict[str, Any], reason: str | None) -> None:
    trouble = trouble_of([_pod(**status)], "now")
    assert (trouble.reason if trouble else None) == reason


def test_pods_of_another_revision_are_not_asked() -> None:
    failed = _pod("before", containerStatuses=[_container("a", exitCode=1)])
    assert trouble_of([failed], "now") is None


def test_the_worst_trouble_is_told() -> None:
    crash = _pod(containerStatuses=[_container("a", exitCode=1)])
    build = _pod(initContainerStatuses=[_container("install", exitCode=2)])
    trouble = trouble_of([crash, build], "now")
    assert trouble is not None
    assert trouble.is_build


def test_only_the_last_lines_are_told() -> None:
    said = "\n".join(f"line {number}" for number in range(50))
    end = {"exitCode": 137, "reason": "OOMKilled", "message": said}
    trouble = trouble_of([_pod(containerStatuses=[_container("a", **end)])], "now")
    assert trouble is not None
    first, *lines = trouble.message.splitlines()
    assert first == "container a failed (exit code 137, OOMKilled):"
    assert lines == [f"line {number}" for number in range(50 - LINES, 50)]


def test_colours_are_not_told() -> None:
    said = "\x1b[0m\x1b[1;31m[ERROR]\x1b[m no such artifact\n"
    step = _container("compile", exitCode=3, message=said)
    trouble = trouble_of([_pod(initContainerStatuses=[step])], "now")
    assert trouble is not None
    assert trouble.message == "step compile failed (exit code 3):\n[ERROR] no such artifact"
