"""What Prometheus sees: every subscription's books, state and pace.

The numbers are kept by the core in plain integers; this collector reads them at each scrape,
so that the hot path pays for no client library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from gateway.core.progress import BUCKETS, Histogram, Progress, State
from tidegate.api.subscription import Subscription

LABELS = ("namespace", "kind", "trigger", "function")
Subscriptions = Iterable[tuple[Subscription, Progress]]


class SubscriptionCollector(Collector):
    """Reads the progress of every subscription."""

    def __init__(self, subscriptions: Callable[[], Subscriptions]) -> None:
        self._subscriptions = subscriptions

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families; names and labels are documented in docs/metrics.md."""
        rows = [(_labels(one), progress) for one, progress in self._subscriptions()]
        yield _outcomes(rows)
        yield _attempts(rows)
        yield _durations(rows)
        yield _states(rows)
        for name, text, read in _COUNTERS:
            counter = CounterMetricFamily(name, text, labels=LABELS)
            for labels, progress in rows:
                counter.add_metric(labels, read(progress))
            yield counter
        for name, text, gauge_of in _GAUGES:
            gauge = GaugeMetricFamily(name, text, labels=LABELS)
            for labels, progress in rows:
                value = gauge_of(progress)
                if value is not None:
                    gauge.add_metric(labels, value)
            yield gauge


_COUNTERS: tuple[tuple[str, str, Callable[[Progress], float]], ...] = (
    ("tidegate_received", "Events that the source handed over.", lambda p: p.books.received),
    ("tidegate_lost", "Events that came and could not be taken.", lambda p: p.lost),
    ("tidegate_restarts", "Times that the source was made anew.", lambda p: p.restarts),
)

_GAUGES: tuple[tuple[str, str, Callable[[Progress], float | None]], ...] = (
    ("tidegate_in_flight", "Events received and not settled.", lambda p: p.books.in_flight),
    (
        "tidegate_accounting_drift",
        "Received less all outcomes less in flight. Anything but 0 is a bug.",
        lambda p: p.books.drift,
    ),
    (
        "tidegate_breaker_open",
        "1 while the function as a whole takes nothing and its source is paused.",
        lambda p: float(p.breaker != "closed"),
    ),
    ("tidegate_waiting", "Events between two attempts.", lambda p: p.waiting),
    ("tidegate_parked", "Events that hold their lane until someone acts.", lambda p: p.parked),
    (
        "tidegate_unwritten",
        "Dead letters that their target has refused so far.",
        lambda p: p.unwritten,
    ),
    (
        "tidegate_uncommitted",
        "Events that ended and are not committed: a crash repeats them.",
        lambda p: p.uncommitted,
    ),
    ("tidegate_lag_events", "Events that the broker has and we have not.", lambda p: p.lag_events),
    ("tidegate_lag_seconds", "Age of the oldest of them, in seconds.", lambda p: p.lag_seconds),
)


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One of several processes that do the work of a gateway."""

    place: int
    up: bool
    restarts: int


class WorkerCollector(Collector):
    """Says which workers are at work."""

    def __init__(self, workers: Sequence[WorkerState]) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families."""
        up = GaugeMetricFamily(
            "tidegate_worker_up", "1 while the worker takes events.", labels=("worker",)
        )
        restarts = CounterMetricFamily(
            "tidegate_worker_restarts", "Times that the worker was replaced.", labels=("worker",)
        )
        for one in self._workers:
            up.add_metric((str(one.place),), float(one.up))
            restarts.add_metric((str(one.place),), one.restarts)
        yield from (up, restarts)


def exposition(
    subscriptions: Callable[[], Subscriptions], workers: Sequence[WorkerState] = ()
) -> bytes:
    """Return the metrics in Prometheus's text format; without `workers`, nothing of these."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SubscriptionCollector(subscriptions))
    if workers:
        registry.register(WorkerCollector(workers))
    return generate_latest(registry)


def _labels(subscription: Subscription) -> tuple[str, ...]:
    one = subscription
    return (one.namespace, one.kind, one.trigger, one.function)


Rows = list[tuple[tuple[str, ...], Progress]]


def _outcomes(rows: Rows) -> Metric:
    family = CounterMetricFamily(
        "tidegate_settled", "Events that ended, by outcome.", labels=(*LABELS, "outcome")
    )
    for labels, progress in rows:
        for outcome, count in progress.books.outcomes.items():
            family.add_metric((*labels, outcome.value), count)
    return family


def _attempts(rows: Rows) -> Metric:
    family = CounterMetricFamily(
        "tidegate_attempts", "Calls to functions, by result.", labels=(*LABELS, "result")
    )
    for labels, progress in rows:
        for result, count in progress.attempts.items():
            family.add_metric((*labels, result), count)
    return family


def _states(rows: Rows) -> Metric:
    family = GaugeMetricFamily(
        "tidegate_state", "1 for the state that the subscription is in.", labels=(*LABELS, "state")
    )
    for labels, progress in rows:
        for state in State:
            family.add_metric((*labels, state.value), float(progress.state is state))
    return family


def _durations(rows: Rows) -> Metric:
    family = HistogramMetricFamily(
        "tidegate_attempt_duration_seconds", "Time of successful calls.", labels=LABELS
    )
    for labels, progress in rows:
        family.add_metric(labels, list(_buckets(progress.durations)), progress.durations.sum)
    return family


def _buckets(histogram: Histogram) -> Iterator[tuple[str, float]]:
    total = 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), histogram.counts, strict=True):
        total += count
        yield bound, total
