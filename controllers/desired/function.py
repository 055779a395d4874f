"""From a Function to the objects that run it. Pure: the same input gives the same objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controllers.desired import names
from controllers.desired.autoscaling import (
    horizontal_pod_autoscaler,
    pod_disruption_budget,
    warn_of_shares,
)
from controllers.desired.blueprint import Blueprint, blueprint
from controllers.desired.config import ControllerConfig
from controllers.desired.findings import Findings
from controllers.desired.merge import mapping, merged, unshared
from controllers.desired.pod import pod_template
from controllers.desired.service import service, url
from tidegate.api.function import Function, dig

Object = dict[str, Any]

PLACE = "spec.deployment"


@dataclass(frozen=True, slots=True)
class DesiredFunction:
    """What should be there for one function."""

    objects: tuple[Object, ...]
    """ConfigMap, Service, Deployment, and where wanted HorizontalPodAutoscaler and
    PodDisruptionBudget: whole, for server-side apply, in the order to apply them."""
    revision: str
    """Changes when anything does that the function's pods run on; also an annotation of them."""
    url: str
    """Where other pods call the function."""
    warnings: tuple[str, ...] = ()
    """Sentences for the author: what works, but not as it is written."""


def desired_objects(function: Function, config: ControllerConfig) -> DesiredFunction:
    """Return what should be there for `function`, which must have its uid.

    Raises FunctionInvalid with every mistake at once.
    """
    found = Findings(str(function))
    plan = blueprint(function, config, found)
    source = _config_map(plan)
    deployment = _deployment(plan, source, found)
    autoscaler = horizontal_pod_autoscaler(plan, found)
    if autoscaler:
        warn_of_shares(autoscaler, deployment, found)
        deployment["spec"].pop("replicas", None)  # else the two would set it in turns
    budget = pod_disruption_budget(plan, deployment, autoscaler)
    parts = (source, service(plan, found), deployment, autoscaler, budget)
    warnings = found.settle()
    revision = deployment["spec"]["template"]["metadata"]["annotations"][names.REVISION]
    return DesiredFunction(
        tuple(unshared(part) for part in parts if part), revision, url(plan), warnings
    )


def _config_map(plan: Blueprint) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": names.object_metadata(plan.function),
        "data": plan.source,
    }


def _deployment(plan: Blueprint, source: Object, found: Findings) -> Object:
    layers = dict(_layers(plan))
    templates = dict(_part(layers, found, "spec", "template"))
    template = pod_template(plan, templates, found)
    revision = names.revision(source["data"], template["spec"])
    template["metadata"]["annotations"][names.REVISION] = revision
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(plan, layers, found),
        "spec": {**_spec(layers, found), **_fixed(plan), "template": template},
    }


def _layers(plan: Blueprint) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what others lay over the usual Deployment, the function's own template last."""
    yield "kubeless-config: deployment", plan.config.deployment
    yield PLACE, plan.function.spec.deployment


def _part(
    layers: Mapping[str, Mapping[str, Any]], found: Findings, *path: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what each layer has at `path`, with the place where that is written."""
    for layer, value in layers.items():
        place = ".".join((layer, *path))
        yield place, mapping(dig(value, *path), place, found)


def _metadata(plan: Blueprint, layers: Mapping[str, Mapping[str, Any]], found: Findings) -> Object:
    """Labels and annotations are merged; the name, the owner and our labels are fixed."""
    own = names.object_metadata(plan.function)
    result: Object = {"annotations": names.inherited_annotations(plan.function)}
    for place, given in _part(layers, found, "metadata"):
        parts = {key: given[key] for key in ("annotations", "labels") if key in given}
        result = merged(result, parts, place, found)
    result = {key: result[key] for key in result if result[key]}
    return {**result, **own, "labels": {**result.get("labels", {}), **own["labels"]}}


def _spec(layers: Mapping[str, Mapping[str, Any]], found: Findings) -> Object:
    """Return what a Deployment says beside its pods."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}
    result: Object = {"strategy": rolling}
    for place, given in _part(layers, found, "spec"):
        parts = {key: given[key] for key in given if key not in ("template", "selector")}
        result = merged(result, parts, place, found)
    return result


def _fixed(plan: Blueprint) -> Object:
    """Return what can never change in a Deployment that exists."""
    return {"selector": {"matchLabels": names.selector_labels(plan.name)}}
