"""The HorizontalPodAutoscaler and the PodDisruptionBudget of a function. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controllers.desired import names
from controllers.desired.blueprint import Blueprint
from controllers.desired.findings import Findings
from controllers.desired.merge import mapping, merged
from tidegate.api.function import dig
from tidegate.api.problem import listed, shown

Object = dict[str, Any]

PLACE = "spec.horizontalPodAutoscaler"
DEPLOYMENT = ("apps/v1", "Deployment")


def horizontal_pod_autoscaler(plan: Blueprint, found: Findings) -> Object | None:
    """Return the autoscaler that the function asks for, in the form of autoscaling/v2."""
    given = plan.function.spec.horizontal_pod_autoscaler
    spec = merged({}, mapping(given.get("spec"), f"{PLACE}.spec", found), "", found)
    if not is_wanted(given):
        return None
    _check_target(plan, spec, found)
    _check_bounds(spec, found)
    metrics = list(_metrics(spec, found))
    kept = ("minReplicas", "maxReplicas", "behavior")
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": names.object_metadata(plan.function),
        "spec": {
            "scaleTargetRef": dict(
                zip(("apiVersion", "kind", "name"), (*DEPLOYMENT, plan.name), strict=True)
            ),
            **{key: spec[key] for key in kept if key in spec},
            **({"metrics": metrics} if metrics else {}),
        },
    }


def is_wanted(given: Mapping[str, Any]) -> bool:
    """Tell an autoscaler from the empty one that Kubeless's command wrote everywhere."""
    spec = given.get("spec")
    return bool(
        dig(spec, "maxReplicas") or dig(spec, "metrics") or dig(spec, "scaleTargetRef", "name")
    )


def _check_target(plan: Blueprint, spec: Object, found: Findings) -> None:
    target = dig(spec, "scaleTargetRef", "name")
    if target and target != plan.name:
        place = f"{PLACE}.spec.scaleTargetRef.name"
        found.refuse(place, f"is {shown(target)}", f"write {plan.name}, or leave it out")


def _check_bounds(spec: Object, found: Findings) -> None:
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas")
    if not isinstance(most, int) or most < 1:
        message = "is missing" if most is None else f"is {shown(most)}"
        found.refuse(f"{PLACE}.spec.maxReplicas", message, "write a number above 0")
    elif not isinstance(least, int) or least < 1:
        fix = "write a number above 0: a function has at least one pod"
        found.refuse(f"{PLACE}.spec.minReplicas", f"is {shown(least)}", fix)
    elif least > most:
        fix = f"write {most} or less, or raise maxReplicas"
        found.refuse(f"{PLACE}.spec.minReplicas", f"is {least}, above maxReplicas", fix)


def _metrics(spec: Object, found: Findings) -> Iterator[Object]:
    usual = spec.get("targetCPUUtilizationPercentage")
    if usual:
        target = {"type": "Utilization", "averageUtilization": usual}
        yield {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    given = spec.get("metrics") or []
    place = f"{PLACE}.spec.metrics"
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
    return {"metric": _named(body), "target": _target(body, ("AverageValue",), found, place)}


def _object(body: Mapping[str, Any], found: Findings, place: str) -> Object:
    described = mapping(body.get("target"), f"{place}.target", found)
    if not described.get("name") or not described.get("kind"):
        fix = "name the object that has the metric: kind and name, such as Service and the function"
        found.refuse(f"{place}.target", "names no object", fix)
    core = {"apiVersion": "v1"} if described.get("kind") in ("Service", "Pod", "Namespace") else {}
    target = _target(body, ("Value", "AverageValue"), found, place)
    return {"describedObject": {**core, **described}, "metric": _named(body), "target": target}


def _external(body: Mapping[str, Any], found: Findings, place: str) -> Object:
    target = _target(body, ("Value", "AverageValue"), found, place)
    return {"metric": _named(body), "target": target}


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


def _named(body: Mapping[str, Any]) -> Object:
    selector = body.get("selector") or body.get("metricSelector")
    return {"name": body.get("metricName", ""), **({"selector": selector} if selector else {})}


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


def pod_disruption_budget(
    plan: Blueprint, deployment: Object, autoscaler: Object | None
) -> Object | None:
    """Return what has nodes drained one pod at a time; None where there is never a second pod."""
    most = dig(autoscaler, "spec", "maxReplicas") if autoscaler else None
    replicas = most or deployment["spec"].get("replicas", 1)
    if not isinstance(replicas, int) or replicas < 2:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": names.object_metadata(plan.function),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.selector_labels(plan.name)},
            # A pod that does not work is in nobody's way.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
