"""Kubeless's three metrics, in Prometheus's text format."""

from bisect import bisect_left

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
)


class _Method:
    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self.failures = 0


class Metrics:
    """Calls, failures and durations by method; unknown methods count as `other`."""

    def __init__(self) -> None:
        self._methods: dict[str, _Method] = {}

    def observe(self, method: str, seconds: float, *, failed: bool) -> None:
        """Count one call that has ended."""
        row = self._methods.get(method)
        if row is None:
            row = self._methods.setdefault(method if method in _METHODS else "other", _Method())
        row.buckets[bisect_left(BOUNDS, seconds)] += 1
        row.seconds += seconds
        row.failures += failed

    def render(self) -> str:
        """The whole text."""
        lines = [
            "# HELP function_duration_seconds Duration of calls in seconds",
            "# TYPE function_duration_seconds histogram",
        ]
        for method, row in self._methods.items():
            lines += histogram_lines(method, row.buckets, row.seconds)
        lines += counter_lines("function_calls_total", "Calls that have ended", self._calls())
        failures = {method: row.failures for method, row in self._methods.items()}
        lines += counter_lines("function_failures_total", "Calls that failed", failures)
        return "\n".join(lines) + "\n"

    def _calls(self) -> dict[str, int]:
        return {method: sum(row.buckets) for method, row in self._methods.items()}


def histogram_lines(method: str, buckets: list[int], seconds: float) -> list[str]:
    """The samples of one method's durations."""
    name, total, lines = "function_duration_seconds", 0, []
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
        total += count
        lines.append(f'{name}_bucket{{method="{method}",le="{bound}"}} {total}')
    lines.append(f'{name}_sum{{method="{method}"}} {seconds!r}')
    lines.append(f'{name}_count{{method="{method}"}} {total}')
    return lines


def counter_lines(name: str, text: str, values: dict[str, int]) -> list[str]:
    """The samples of one counter."""
    samples = [f'{name}{{method="{method}"}} {value}' for method, value in values.items()]
    return [f"# HELP {name} {text}", f"# TYPE {name} counter", *samples]
