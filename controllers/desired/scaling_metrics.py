"""Metrics of a HorizontalPodAutoscaler: of autoscaling/v1 and v2beta1 into those of v2. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controllers.desired.findings import Findings
from controllers.desired.merge import mapping
from tidegate.api.function import dig
from tidegate.api.problem import listed, shown

Object = dict[str, Any]


def scaling_metrics(spec: Object, place: str, found: Findings) -> Iterator[Object]:
    """Yield the metrics of an autoscaler's `spec`, which stands at `place`."""
    usual = spec.get("targetCPUUtilizationPercentage")
    if usual:
        target = {"type": "Utilization", "averageUtilization": usual}
        yield {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    given = spec.get("metrics", [])
    place = f"{place}.metrics"
    if not isinstance(given, list):
        found.refuse(place, f"is {shown(given)}", "write a list")
        return
    for index, metric in enumerate(given):
        converted = _metric(metric, f"{place}[{index}]", found)
        if converted:
            yield converted


def _metric(metric: Any, place: str, found: Findings) -> Object | None:
    kind = metric.get("type") if isinstance(metric, Mapping) else None
    if not isinstance(kind, str) or kind not in _FORMS:
        found.refuse(f"{place}.type", f"is {shown(kind)}", f"write {listed(_FORMS)}")
        return None
    field, convert = _FORMS[kind]
    body = metric.get(field)
    if not isinstance(body, Mapping):
        fix = f"describe the metric under {field}"
        found.refuse(f"{place}.{field}", "is missing", fix)
        return None
    # An Object metric of v2beta1 has a target too, but there it is the object.
    old = not isinstance(dig(body, "target", "type"), str)
    converted = convert(body, found, f"{place}.{field}") if old else dict(body)
    return {"type": kind, field: converted}


def _resource(body: Mapping[str, Any], found: Findings, place: str) -> Object:
    kept = {key: body[key] for key in ("container", "name") if key in body}
    return {**kept, "target": _target(body, ("Utilization", "AverageValue"), found, place)}


def _pods(body: Mapping[str, Any], found: Findings, place: str) -> Object:
    target = _target(body, ("AverageValue",), found, place)
    return {"metric": _named(body, found, place), "target": target}


def _object(body: Mapping[str, Any], found: Findings, place: str) -> Object:
    described = mapping(body.get("target"), f"{place}.target", found)
    if not described.get("name") or not described.get("kind"):
        fix = "name the object that has the metric: kind and name, such as Service and the function"
        found.refuse(f"{place}.target", "names no object", fix)
    core = {"apiVersion": "v1"} if described.get("kind") in ("Service", "Pod", "Namespace") else {}
    target = _target(body, ("Value", "AverageValue"), found, place)
    return {
        "describedObject": {**core, **described},
        "metric": _named(body, found, place),
        "target": target,
    }


def _external(body: Mapping[str, Any], found: Findings, place: str) -> Object:
    target = _target(body, ("Value", "AverageValue"), found, place)
    return {"metric": _named(body, found, place), "target": target}


_FORMS: Mapping[str, tuple[str, Callable[[Mapping[str, Any], Findings, str], Object]]] = {
    "Resource": ("resource", _resource),
    "ContainerResource": ("containerResource", _resource),
    "Pods": ("pods", _pods),
    "Object": ("object", _object),
    "External": ("external", _external),
}
"""Types of metrics: the field that describes each, and how its older form is read."""

_OLD_TARGETS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "Utilization": (("targetAverageUtilization",), "averageUtilization"),
    "AverageValue": (("targetAverageValue", "averageValue"), "averageValue"),
    "Value": (("targetValue",), "value"),
}
"""Types of targets: their names in the older form, and in the newer one."""


def _named(body: Mapping[str, Any], found: Findings, place: str) -> Object:
    if not body.get("metricName"):
        found.refuse(f"{place}.metricName", "is missing", "name the metric")
    selector = body.get("selector") or body.get("metricSelector")
    return {"name": body.get("metricName"), **({"selector": selector} if selector else {})}


def _target(body: Mapping[str, Any], kinds: tuple[str, ...], found: Findings, place: str) -> Object:
    for kind in kinds:
        old, new = _OLD_TARGETS[kind]
        for name in old:
            # "0" is what the older form wrote for a value that is not used.
            if body.get(name) not in (None, 0, "0", ""):
                return {"type": kind, new: body[name]}
    words = [_OLD_TARGETS[kind][0][0] for kind in kinds]
    found.refuse(place, "has no target", f"set target, or {listed(words)} in the older form")
    return {}
