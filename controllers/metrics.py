"""What Prometheus sees of the controllers. Numbers begin at 0 with each process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from controllers.core.controller import OUTCOMES

_CONTROLLER = ("controller",)


@dataclass(frozen=True, slots=True)
class ControllerNumbers:
    """One controller as it is now."""

    depth: int
    outcomes: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a scrape brings. `requests` are by verb and resource, `watches` by resource."""

    leads: bool
    controllers: Mapping[str, ControllerNumbers]
    requests: Mapping[tuple[str, str], int]
    watches: Mapping[str, bool]
    """Whether each watch stands."""


class ControllerCollector(Collector):
    """Turns numbers into metrics; names and labels are documented in docs/metrics.md."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families."""
        yield self._leader()
        yield from self._work()
        yield self._requests()
        yield self._watches()

    def _leader(self) -> Metric:
        text = "1 while this replica holds the Lease and works."
        return GaugeMetricFamily(
            "tidegate_controller_leader", text, value=float(self._numbers.leads)
        )

    def _work(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(
            "tidegate_controller_queue_depth",
            "Objects that wait to be looked at.",
            labels=_CONTROLLER,
        )
        reconciles = CounterMetricFamily(
            "tidegate_controller_reconciles",
            "Objects looked at, by how it ended.",
            labels=(*_CONTROLLER, "outcome"),
        )
        seconds = CounterMetricFamily(
            "tidegate_controller_reconcile_seconds",
            "Time spent on looking at objects.",
            labels=_CONTROLLER,
        )
        for name, one in self._numbers.controllers.items():
            depth.add_metric((name,), one.depth)
            seconds.add_metric((name,), one.seconds)
            for outcome in OUTCOMES:
                reconciles.add_metric((name, outcome), one.outcomes.get(outcome, 0))
        yield from (depth, reconciles, seconds)

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "tidegate_controller_api_requests",
            "Requests to the API server, those that failed too.",
            labels=("verb", "resource"),
        )
        for labels, count in sorted(self._numbers.requests.items()):
            family.add_metric(labels, count)
        return family

    def _watches(self) -> Metric:
        family = GaugeMetricFamily(
            "tidegate_controller_watch_up",
            "1 while what is known of the resource is up to date.",
            labels=("resource",),
        )
        for resource, up in sorted(self._numbers.watches.items()):
            family.add_metric((resource,), float(up))
        return family


def exposition(numbers: Numbers) -> bytes:
    """Return the metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ControllerCollector(numbers))
    return generate_latest(registry)
