"""Conditions: what is so of an object, what is not, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Object = dict[str, Any]

READY = "Ready"
"""Sums all others up."""

LONGEST_MESSAGE = 4096


class Truth(StrEnum):
    """Whether something is so; unknown is what will be decided without anybody's doing."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is so or not. `reason` is a word for machines, `message` for people."""

    type: str
    status: Truth
    reason: str
    message: str = ""


def stated(
    conditions: Iterable[Condition], status: Object, generation: int, now: datetime
) -> list[Object]:
    """Return `conditions` as they are to stand in `status`, about that generation.

    A condition keeps the time of its last transition for as long as its truth does.
    """
    before = {each["type"]: each for each in status.get("conditions") or []}
    return [_stated(each, before.get(each.type), generation, now) for each in conditions]


def _stated(condition: Condition, before: Object | None, generation: int, now: datetime) -> Object:
    same = before is not None and before.get("status") == condition.status.value
    kept = before.get("lastTransitionTime") if before is not None and same else None
    return {
        "type": condition.type,
        "status": condition.status.value,
        "reason": condition.reason,
        "message": condition.message[:LONGEST_MESSAGE],
        "lastTransitionTime": kept or timestamp(now),
        "observedGeneration": generation,
    }


def condition_in(status: Object, kind: str) -> Object:
    """Return the condition of that type in `status`; an empty one when it has none."""
    return next((each for each in status.get("conditions") or [] if each["type"] == kind), {})


def turned(before: Object, after: Object, kind: str) -> bool:
    """Return whether the condition `kind` is another in the status `after`, or for another reason.

    A first one counts as well: nothing was known before.
    """
    old, new = condition_in(before, kind), condition_in(after, kind)
    return any(old.get(field) != new.get(field) for field in ("status", "reason"))


def timestamp(now: datetime) -> str:
    """Write a time as Kubernetes does, to the second."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
