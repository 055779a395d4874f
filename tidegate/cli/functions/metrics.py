"""What the metrics of functions say, for `top`. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tidegate.cli.output import Columns

COLUMNS: Columns = (
    ("NAME", "function"),
    ("NAMESPACE", "namespace"),
    ("METHOD", "method"),
    ("TOTAL_CALLS", "total_calls"),
    ("TOTAL_FAILURES", "total_failures"),
    ("TOTAL_DURATION_SECONDS", "total_duration_seconds"),
    ("AVG_DURATION_SECONDS", "avg_duration_seconds"),
    ("MESSAGE", "message"),
)
NO_METRICS: Final = "Function does not expose metrics"
NO_CALLS: Final = "Function was not called yet"

_DECLARED: Final = "# TYPE function_calls_total "
"""What says that calls are counted, before there is one."""

_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_METHOD = re.compile(r'(?:^|,)\s*method="(?P<method>[^"]*)"')
_WANTED: Final[Mapping[str, str]] = {
    "function_calls_total": "total_calls",
    "function_failures_total": "total_failures",
    "function_duration_seconds_sum": "total_duration_seconds",
}

Row = dict[str, Any]


def rows(namespace: str, function: str, texts: Sequence[str]) -> list[Row]:
    """Return a row for each method, added up over the processes that told."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_WANTED.values(), 0.0))
    for text in texts:
        for field, method, value in _samples(text):
            sums[method][field] += value
    if not sums:
        counted = any(_DECLARED in text for text in texts)
        return [message(namespace, function, NO_CALLS if counted else NO_METRICS)]
    return [_row(namespace, function, method, one) for method, one in sorted(sums.items())]


def message(namespace: str, function: str, sentence: str) -> Row:
    """Return the row of a function of which nothing is known."""
    nothing = dict.fromkeys((*_WANTED.values(), "avg_duration_seconds"))
    names = {"function": function, "namespace": namespace, "method": "", "message": sentence}
    return {**names, **nothing}


def _samples(text: str) -> Iterator[tuple[str, str, float]]:
    for line in text.splitlines():
        found = _SAMPLE.match(line)
        if found is None or found["name"] not in _WANTED:
            continue
        method = _METHOD.search(found["labels"] or "")
        try:
            value = float(found["value"])
        except ValueError:
            continue
        yield _WANTED[found["name"]], method["method"] if method else "", value


def _row(namespace: str, function: str, method: str, sums: Mapping[str, float]) -> Row:
    calls, duration = sums["total_calls"], sums["total_duration_seconds"]
    return {
        "function": function,
        "namespace": namespace,
        "method": method,
        "message": "",
        "total_calls": int(calls),
        "total_failures": int(sums["total_failures"]),
        "total_duration_seconds": round(duration, 6),
        "avg_duration_seconds": round(duration / calls, 6) if calls else 0.0,
    }
