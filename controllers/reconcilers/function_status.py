"""What the status of a Function says. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from controllers.conditions import READY, Condition, Truth, stated
from controllers.reconcilers.pods import Trouble
from controllers.reconcilers.rollout import Rollout
from tidegate.kube.objects import Object

AVAILABLE = "Available"
PROGRESSING = "Progressing"
BUILD_FAILED = "BuildFailed"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was applied. `reason` is a word for machines."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one function."""

    rollout: Rollout = field(default_factory=Rollout)
    trouble: Trouble | None = None
    refusal: Refusal | None = None
    url: str = ""


def function_status(function: Object, before: Object, seen: Observation, now: datetime) -> Object:
    """Return what the status of `function` shall say, after `before`."""
    generation = function["metadata"].get("generation", 0)
    url = seen.url or before.get("url", "")
    return {
        "observedGeneration": generation,
        "conditions": stated(_conditions(seen), before, generation, now),
        **({"url": url} if url else {}),
        "replicas": seen.rollout.replicas,
        "readyReplicas": seen.rollout.ready,
    }


def _conditions(seen: Observation) -> Iterator[Condition]:
    yield _ready(seen)
    yield _available(seen.rollout)
    yield _progressing(seen)
    yield _build_failed(seen.trouble)


def _ready(seen: Observation) -> Condition:
    rollout, trouble = seen.rollout, seen.trouble
    if seen.refusal is not None:
        return Condition(READY, Truth.FALSE, seen.refusal.reason, seen.refusal.message)
    if rollout.answers:
        return Condition(READY, Truth.TRUE, "Serving")
    if rollout.is_done:
        message = "spec.deployment.spec.replicas is 0; set 1 or more, or leave it out"
        return Condition(READY, Truth.FALSE, "ScaledToZero", message)
    if trouble is not None:
        return Condition(READY, Truth.FALSE, trouble.reason, trouble.message)
    if rollout.refusal:
        return Condition(READY, Truth.FALSE, "PodsRefused", rollout.refusal)
    if rollout.is_stuck:
        message = "no pod became ready within the deadline; look at its log and its probes"
        return Condition(READY, Truth.FALSE, "DeadlineExceeded", message)
    return Condition(READY, Truth.UNKNOWN, "RollingOut", "its pods are starting")


def _available(rollout: Rollout) -> Condition:
    if rollout.available > 0:
        return Condition(AVAILABLE, Truth.TRUE, "PodsAvailable")
    return Condition(AVAILABLE, Truth.FALSE, "NoPodAvailable", "no pod takes calls")


def _progressing(seen: Observation) -> Condition:
    rollout = seen.rollout
    if seen.refusal is not None:
        return Condition(PROGRESSING, Truth.FALSE, seen.refusal.reason, "what is written waits")
    if rollout.is_done:
        return Condition(PROGRESSING, Truth.FALSE, "RolledOut")
    if rollout.is_stuck:
        return Condition(PROGRESSING, Truth.FALSE, "DeadlineExceeded", _why(seen))
    return Condition(PROGRESSING, Truth.TRUE, "RollingOut", _why(seen))


def _why(seen: Observation) -> str:
    return seen.trouble.message if seen.trouble is not None else seen.rollout.refusal


def _build_failed(trouble: Trouble | None) -> Condition:
    if trouble is not None and trouble.is_build:
        return Condition(BUILD_FAILED, Truth.TRUE, "StepFailed", trouble.message)
    return Condition(BUILD_FAILED, Truth.FALSE, "NoStepFailed")
