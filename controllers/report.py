"""What gateways tell of triggers: one report of one trigger, from all replicas. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tidegate.kube.objects import ObjectKey

RUNNING = "Running"
PAUSED = "Paused"
_STOPPED = ("Refused", "BackingOff")
"""States in which nothing is delivered, the worse one first."""

_SHARED_READERS = frozenset({"NATSTrigger"})
"""Kinds of which each replica tells the lag of the whole, and not of its own part."""


class TriggerName(NamedTuple):
    """What names a trigger among those of all kinds."""

    kind: str
    key: ObjectKey


@dataclass(frozen=True, slots=True)
class Row:
    """What one replica tells of one subscription."""

    name: TriggerName
    function: str
    state: str
    reason: str = ""
    parked: int = 0
    drift: int = 0
    lag: int | None = None
    last_event: str = ""
    last_error: str = ""
    parts: int | None = None
    fired: str = ""
    missing_secrets: tuple[str, ...] | None = None
    """None: this replica has not looked."""


@dataclass(frozen=True, slots=True)
class Report:
    """What all replicas tell of one trigger."""

    replicas: int
    reason: str
    """A word for machines: `Running`, or what is in the way."""
    trouble: str = ""
    """What is in the way, in a sentence; empty when nothing is."""
    lag: int | None = None
    last_event: str = ""
    last_error: str = ""
    parts: int | None = None
    """How many replicas can read at a time; None when no broker has told."""
    fired: str = ""
    """The last nominal time of a schedule; empty when there is none."""
    missing_secrets: tuple[str, ...] | None = None
    """Those that it names and that are not there; None when nobody has looked."""

    @property
    def is_running(self) -> bool:
        """Whether all who run it deliver."""
        return self.reason == RUNNING

    @property
    def has_trouble(self) -> bool:
        """Whether something is in the way that will not pass by itself."""
        return self.reason in (*_STOPPED, "Parked", "BooksOff", PAUSED)

    def says_more_than(self, other: Report | None) -> bool:
        """Whether this changes a condition, and not numbers alone."""
        return other is None or self._weighty != other._weighty

    @property
    def _weighty(self) -> tuple[object, ...]:
        return self.reason, self.replicas, self.parts, self.missing_secrets


def rows_of(body: bytes, most: int) -> list[Row]:
    """Read what an admin server answers at `/subscriptions`, at most `most` rows of it.

    Raises ValueError for what is no such answer.
    """
    answer = json.loads(body)
    if not isinstance(answer, list):
        raise ValueError("it is no list")
    return [_row(one) for one in answer[:most] if isinstance(one, Mapping)]


def _row(one: Mapping[str, Any]) -> Row:
    return Row(
        TriggerName(_text(one, "kind"), ObjectKey(_text(one, "namespace"), _text(one, "name"))),
        _text(one, "function"),
        _text(one, "state"),
        _text(one, "reason"),
        _number(one, "parked") or 0,
        _number(one, "drift") or 0,
        _number(one, "lagEvents"),
        _text(one, "lastEvent"),
        _text(one, "lastError"),
        _number(one, "parts"),
        _text(one, "lastScheduleTime"),
        _names(one, "missingSecrets"),
    )


def _text(one: Mapping[str, Any], field: str) -> str:
    value = one.get(field)
    return value[:1024] if isinstance(value, str) else ""


def _names(one: Mapping[str, Any], field: str) -> tuple[str, ...] | None:
    value = one.get(field)
    if not isinstance(value, list):
        return None
    return tuple(each[:256] for each in value[:16] if isinstance(each, str))


def _number(one: Mapping[str, Any], field: str) -> int | None:
    value = one.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def reports(told: Mapping[str, Iterable[Row]]) -> dict[TriggerName, Report]:
    """Sum up what each replica tells, for each trigger that any of them tells of."""
    rows: dict[TriggerName, list[Row]] = defaultdict(list)
    replicas: dict[TriggerName, set[str]] = defaultdict(set)
    for replica, some in told.items():
        for row in some:
            rows[row.name].append(row)
            replicas[row.name].add(replica)
    return {name: _summed(name, found, len(replicas[name])) for name, found in rows.items()}


def _summed(name: TriggerName, rows: list[Row], replicas: int) -> Report:
    reason, trouble = _state(rows)
    return Report(
        replicas,
        reason,
        trouble,
        _lag(name, rows),
        max(row.last_event for row in rows),
        next((row.last_error for row in rows if row.last_error), ""),
        max((row.parts for row in rows if row.parts is not None), default=None),
        max(row.fired for row in rows),
        _missing(rows),
    )


def _missing(rows: list[Row]) -> tuple[str, ...] | None:
    told = [row.missing_secrets for row in rows if row.missing_secrets is not None]
    return tuple(sorted({name for names in told for name in names})) if told else None


def _state(rows: list[Row]) -> tuple[str, str]:
    """Return the worst that is told: one of several that stands still is not fine."""
    for state in _STOPPED:
        for row in rows:
            if row.state == state:
                return state, row.reason or row.last_error
    for row in rows:
        if row.drift:
            text = f"its books are off by {row.drift}; that is a defect: save the gateway's log"
            return "BooksOff", text
    parked = sum(row.parked for row in rows)
    if parked:
        error = next((row.last_error for row in rows if row.parked), "")
        return "Parked", f"{parked} events wait for somebody to act: {error}"
    if any(row.state == RUNNING for row in rows):
        return RUNNING, next((row.reason for row in rows if row.reason), "")
    for row in rows:
        if row.state == PAUSED:
            return PAUSED, row.reason
    return rows[0].state or "Unknown", rows[0].reason


def _lag(name: TriggerName, rows: list[Row]) -> int | None:
    by_function: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row.lag is not None:
            by_function[row.function].append(row.lag)
    if not by_function:
        return None
    one = max if name.kind in _SHARED_READERS else sum
    return sum(one(lags) for lags in by_function.values())
