"""A subscription's progress as a worker reports it, and the sum of such reports. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from gateway.core.delivery import Outcome
from gateway.core.progress import Books, Histogram, Progress, State

Tally = Mapping[str, Any]
"""The fields of `Progress`, and those of its books and durations, as JSON has them."""

GAUGES = frozenset({"held", "waiting", "parked", "unwritten", "uncommitted"})
"""Numbers of what is there now: they end with their worker. All other numbers are counters."""

WORST_FIRST = (
    State.REFUSED,
    State.BACKING_OFF,
    State.STARTING,
    State.DRAINING,
    State.RUNNING,
    State.PAUSED,
    State.STOPPED,
)
BREAKERS = ("open", "halfOpen", "closed")
_INSIDE = frozenset({"books", "durations", "state", "clock", "decisions"})


@dataclass(slots=True)
class SummedBooks(Books):
    """The books of several workers; two that are off in opposite ways do not make it good."""

    off: int = 0

    @property
    def drift(self) -> int:
        """See `Books.drift`."""
        return self.off


def tally_of(progress: Progress) -> dict[str, Any]:
    """Return what `progress` says now."""
    books = progress.books
    own = {name: _plain(getattr(progress, name)) for name in _NAMES}
    return own | {
        "state": progress.state.value,
        "received": books.received,
        "outcomes": {outcome.value: count for outcome, count in books.outcomes.items()},
        "held": books.in_flight,
        "counts": list(progress.durations.counts),
        "sum": progress.durations.sum,
    }


def closed(tally: Tally) -> Tally:
    """Return what stays of a worker that is gone.

    What it held was not settled: brokers give it to another one, and callers were cut off. That
    is `released`, and the books of its last report balance.
    """
    outcomes = dict(tally["outcomes"])
    outcomes[Outcome.RELEASED.value] += tally["held"]
    counters = {name: value for name, value in tally.items() if _is_counter(name, value)}
    return counters | {"outcomes": outcomes}


def added(first: Tally, second: Tally) -> Tally:
    """Return the sum of what both have counted; what only one has is taken as it is."""
    return {**first, **second} | {
        name: _sum((value, second[name])) for name, value in first.items() if name in second
    }


def fill(progress: Progress, past: Tally, present: Sequence[Tally], *, lag_is_split: bool) -> None:
    """Make `progress` say what the workers say together: those of `past`, and those that run.

    `lag_is_split` when each worker tells of a part of its own, as the members of a Kafka group do.
    """
    every = [past, *present]
    outcomes = _sum(filter(None, (one.get("outcomes") for one in every))) or {}
    held = sum(one["held"] for one in present)
    progress.books = SummedBooks(
        _sum(one.get("received", 0) for one in every),
        {outcome: outcomes.get(outcome.value, 0) for outcome in Outcome},
        lambda: held,
        sum(abs(_drift(one)) for one in every),
    )
    progress.durations = _histogram(every)
    states = {State(one["state"]) for one in present}
    progress.state = next((state for state in WORST_FIRST if state in states), State.STARTING)
    for name in _NAMES:
        values = [one[name] for one in present if name in one]
        if name in past and _is_counter(name, past[name]):
            values.append(past[name])
        if values:
            rule = _sum_of_known if name == "lag_events" and lag_is_split else _RULES.get(name)
            setattr(progress, name, (rule or _sum_or_first)(values))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value


def _is_counter(name: str, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (number or isinstance(value, dict | list)) and name not in (GAUGES | _RULES.keys())


def _sum(values: Iterable[Any]) -> Any:
    """Add numbers, or mappings and lists of numbers, place by place."""
    total: Any = None
    for value in values:
        if total is None:
            total = _plain(value)
        elif isinstance(value, Mapping):
            total = {key: total.get(key, 0) + value.get(key, 0) for key in {**total, **value}}
        elif isinstance(value, list):
            total = [one + other for one, other in zip(total, value, strict=True)]
        else:
            total += value
    return total


def _sum_or_first(values: Sequence[Any]) -> Any:
    """Add what can be counted; of sentences take the first that says something."""
    if any(isinstance(value, str) for value in values):
        return next(filter(None, values), "")
    return _sum(value for value in values if value is not None)


def _known(of: Callable[[Iterable[float]], float]) -> Callable[[Sequence[Any]], Any]:
    def rule(values: Sequence[Any]) -> Any:
        known = [value for value in values if value is not None]
        return of(known) if known else None

    return rule


_sum_of_known = _known(sum)
_greatest = _known(max)
_RULES: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "breaker": lambda values: min(values, key=BREAKERS.index),
    "lag_events": _greatest,
    "lag_seconds": _greatest,
    "parts": _greatest,
    "fired": max,
    "last_received": _greatest,
    "last_settled": _greatest,
    "last_polled": _known(min),
    "watched": any,
}
_NAMES = tuple(one.name for one in fields(Progress) if one.name not in _INSIDE)


def _drift(tally: Tally) -> int:
    ended = sum(tally.get("outcomes", {}).values())
    return int(tally.get("received", 0) - ended - tally.get("held", 0))


def _histogram(tallies: Iterable[Tally]) -> Histogram:
    histogram = Histogram()
    for one in tallies:
        if "counts" in one:
            histogram.counts = _sum((histogram.counts, one["counts"]))
            histogram.sum += one["sum"]
    return histogram
