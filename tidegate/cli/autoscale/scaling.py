"""Autoscalers from what a command line names, and as rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tidegate.cli.errors import CommandError, ExitCode

Object = dict[str, Any]

CALLS = "function_calls"
"""What the Prometheus adapter calls the calls per second of a function's Service."""

_SHARE = re.compile(r"([1-9][0-9]{0,3})%?")
_QUANTITY = re.compile(r"(0|[1-9][0-9]*)([.][0-9]+)?(m|k|[KMGT]i?)?")


class Metric(StrEnum):
    """What can be scaled by."""

    CPU = "cpu"
    MEMORY = "memory"
    QPS = "qps"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How few and how many there may be."""

    least: int
    most: int

    def __post_init__(self) -> None:
        """Refuse what no number is within."""
        if self.most < self.least:
            sentence = f"--max {self.most} is below --min {self.least}; raise it"
            raise CommandError(sentence, ExitCode.USAGE)


def autoscaler(name: str, bounds: Bounds, metrics: Sequence[tuple[Metric, str]]) -> Object:
    """Return `spec.horizontalPodAutoscaler` of the function `name`. Raises `CommandError`."""
    labels = {"created-by": "kubeless", "function": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": bounds.least,
            "maxReplicas": bounds.most,
            "metrics": [_metric(name, metric, value) for metric, value in metrics],
        },
    }


def paired(metrics: Sequence[Metric], values: Sequence[str]) -> list[tuple[Metric, str]]:
    """Return each metric with its value, in the order of the command line."""
    if len(metrics) != len(values):
        raise CommandError(
            f"there are {len(metrics)} of --metric and {len(values)} of --value; give each metric "
            "one value, as in --metric cpu --value 60 --metric qps --value 100",
            ExitCode.USAGE,
        )
    twice = [metric for metric in metrics if metrics.count(metric) > 1]
    if twice:
        raise CommandError(f"--metric {twice[0].value} is given twice; keep one", ExitCode.USAGE)
    return list(zip(metrics, values, strict=True))


def rows(function: Object, autoscaler: Object) -> Iterator[Object]:
    """Yield a row for each metric of the function's autoscaler, in the form of autoscaling/v2."""
    metadata, spec = function["metadata"], autoscaler["spec"]
    same = {
        "name": autoscaler["metadata"]["name"],
        "namespace": metadata.get("namespace"),
        "target": spec["scaleTargetRef"]["name"],
        "min": spec.get("minReplicas", 1),
        "max": spec.get("maxReplicas"),
    }
    metrics: list[Object] = spec.get("metrics") or [{}]
    for metric in metrics:
        name, value = _said(metric)
        yield {**same, "metric": name, "value": value}


def _metric(function: str, metric: Metric, value: str) -> Object:
    if metric is Metric.QPS:
        _check(value, _QUANTITY, metric, "calls per second and process, as 100 or 2k")
        # A total of the Service, shared among its processes: as a plain value it would be compared
        # with the total however many there are, and grow to the maximum.
        return {
            "type": "Object",
            "object": {
                "describedObject": {"apiVersion": "v1", "kind": "Service", "name": function},
                "metric": {"name": CALLS},
                "target": {"type": "AverageValue", "averageValue": value},
            },
        }
    share = _SHARE.fullmatch(value)
    if share is not None:
        target: Object = {"type": "Utilization", "averageUtilization": int(share[1])}
    else:
        example = "500m" if metric is Metric.CPU else "512Mi"
        _check(value, _QUANTITY, metric, f"a percentage as 60, or an amount as {example}")
        target = {"type": "AverageValue", "averageValue": value}
    return {"type": "Resource", "resource": {"name": metric.value, "target": target}}


def _check(value: str, form: re.Pattern[str], metric: Metric, wanted: str) -> None:
    if form.fullmatch(value) is None or not value.strip("0.mkKMGTi"):
        raise CommandError(
            f"--value {value!r} does not go with {metric.value}; write {wanted}", ExitCode.USAGE
        )


def _said(metric: Object) -> tuple[str | None, str | None]:
    kind = str(metric.get("type", ""))
    body = metric.get(kind[:1].lower() + kind[1:]) or {}
    target = body.get("target") or {}
    name = body.get("name") or (body.get("metric") or {}).get("name")
    value = next((target[field] for field in _VALUES if field in target), None)
    return name, None if value is None else str(value)


_VALUES = ("averageUtilization", "averageValue", "value")
