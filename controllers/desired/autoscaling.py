"""The HorizontalPodAutoscaler and the PodDisruptionBudget of a function. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controllers.desired import names
from controllers.desired.blueprint import Blueprint
from controllers.desired.findings import Findings
from controllers.desired.merge import mapping, merged
from controllers.desired.scaling_metrics import scaling_metrics
from tidegate.api.function import dig
from tidegate.api.problem import shown

Object = dict[str, Any]

PLACE = "spec.horizontalPodAutoscaler"
DEPLOYMENT = ("apps/v1", "Deployment")


def horizontal_pod_autoscaler(plan: Blueprint, found: Findings) -> Object | None:
    """Return the autoscaler that the function asks for, in the form of autoscaling/v2."""
    given = plan.function.spec.horizontal_pod_autoscaler
    spec = merged({}, mapping(given.get("spec"), f"{PLACE}.spec", found), "", found)
    if not is_wanted(given):
        return None
    _check_name(plan, given, found)
    _check_target(plan, spec, found)
    _check_bounds(spec, found)
    metrics = list(scaling_metrics(spec, f"{PLACE}.spec", found))
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


def _check_name(plan: Blueprint, given: Mapping[str, Any], found: Findings) -> None:
    name = dig(given, "metadata", "name")
    if name and name != plan.name:
        message = f"is {shown(name)}, but the autoscaler is named {plan.name}"
        fix = "remove the name, and delete the autoscaler of that name where Kubeless left one"
        found.warn(f"{PLACE}.metadata.name", message, fix)


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


def warn_of_shares(autoscaler: Object, deployment: Object, found: Findings) -> None:
    """Say where a share is asked for of a resource that the container does not request."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    requested = {
        **(dig(container, "resources", "limits") or {}),
        **(dig(container, "resources", "requests") or {}),
    }
    for metric in autoscaler["spec"].get("metrics", []):
        name = dig(metric, "resource", "name")
        if dig(metric, "resource", "target", "type") == "Utilization" and name not in requested:
            fix = f"set resources.requests.{name} in spec.deployment; until then it does not scale"
            found.warn(
                f"{PLACE}.spec.metrics", f"has a share, but the container requests no {name}", fix
            )


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
