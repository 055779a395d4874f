"""What the status of an object says on a laptop: the words of a cluster's controllers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from controllers.conditions import READY, Condition, Truth, stated
from controllers.local.status import FunctionStatus, State
from tidegate.kube.objects import Object

Row = Mapping[str, Any]

_TRUTHS: Final[Mapping[State, tuple[Truth, str]]] = {
    State.READY: (Truth.TRUE, "Serving"),
    State.PREPARING: (Truth.UNKNOWN, "Preparing"),
    State.STARTING: (Truth.UNKNOWN, "Starting"),
    State.UPDATING: (Truth.UNKNOWN, "Updating"),
    State.DEGRADED: (Truth.FALSE, "Degraded"),
    State.FAILING: (Truth.FALSE, "Failing"),
}
_BY_STATE: Final[Mapping[str, tuple[Truth, str]]] = {
    "Running": (Truth.TRUE, "Working"),
    "Idle": (Truth.FALSE, "NoFunction"),
    "Refused": (Truth.FALSE, "Refused"),
    "Paused": (Truth.FALSE, "Paused"),
}


def function_status(status: FunctionStatus | None, generation: int, *, observed: bool) -> Object:
    """Return what to say of a function; one that nobody has looked at yet has no conditions."""
    if status is None:
        return {"observedGeneration": generation - 1, "replicas": 0, "readyReplicas": 0}
    about = generation if observed else generation - 1
    conditions = [
        _ready(status),
        Condition("Available", Truth.TRUE, "ProcessesAvailable")
        if status.ready
        else Condition("Available", Truth.FALSE, "NoProcessAvailable", "no process takes calls"),
    ]
    since = datetime.fromtimestamp(status.since, UTC)
    return {
        "observedGeneration": about,
        "conditions": stated(conditions, {}, about, since),
        **({"url": status.urls[0]} if status.urls else {}),
        "replicas": status.total,
        "readyReplicas": status.ready,
    }


def _ready(status: FunctionStatus) -> Condition:
    # What is wrong with the version before says nothing of the one on its way.
    state = State.UPDATING if status.changing and status.reason else status.state
    truth, reason = _TRUTHS[state]
    words = "" if state is State.READY else f"it is {state.value}"
    return Condition(READY, truth, reason, words if status.changing else status.reason or words)


def trigger_status(rows: Sequence[Row], before: Object, generation: int, now: datetime) -> Object:
    """Return what to say of a trigger that has these `rows`, one for each of its functions."""
    return {
        "observedGeneration": generation,
        "conditions": stated([_delivering(rows)], before, generation, now),
        "functions": sorted({row["function"] for row in rows if row["function"]}),
        "assignedReplicas": 1,
        **{name: value for name, value in _told(rows).items() if value not in (None, "")},
    }


def _delivering(rows: Sequence[Row]) -> Condition:
    """Sum up: what is not so counts before what is not known."""
    said = [(*_BY_STATE.get(row["state"], (Truth.UNKNOWN, row["state"])), row) for row in rows]
    for wanted in (Truth.FALSE, Truth.UNKNOWN):
        for truth, reason, row in said:
            if truth is wanted:
                return Condition(READY, truth, reason, row["reason"])
    troubled = next((row["reason"] for row in rows if row["reason"]), "")
    if troubled:
        return Condition(READY, Truth.FALSE, "Trouble", troubled)
    return Condition(READY, Truth.TRUE, "Working")


def _told(rows: Sequence[Row]) -> Object:
    lags = [row["lagEvents"] for row in rows if row["lagEvents"] is not None]
    return {
        "url": _url(rows),
        "lag": sum(lags) if lags else None,
        "lastEvent": max((row["lastEvent"] or "" for row in rows), default=""),
        "lastScheduleTime": max((row["lastScheduleTime"] or "" for row in rows), default=""),
        "lastError": next((row["lastError"] for row in rows if row["lastError"]), ""),
    }


def _url(rows: Sequence[Row]) -> str:
    """Return where an HTTP trigger is reached: the row says it after the methods, if any."""
    words = [word for row in rows for word in str(row.get("from", "")).split()]
    return next((word for word in words if word.startswith("http://")), "")
