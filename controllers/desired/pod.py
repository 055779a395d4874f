"""The pod template of a function: what its author asked for, over the usual. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from controllers.desired import names
from controllers.desired.blueprint import Blueprint
from controllers.desired.environment import LONGEST_SHUTDOWN
from controllers.desired.findings import Findings
from controllers.desired.images import is_of_the_catalog
from controllers.desired.merge import merged, with_default
from controllers.desired.pod_environment import contract, with_contract
from controllers.desired.preparation import init_containers, volumes
from controllers.desired.probes import with_probes
from controllers.desired.security import restricted, restricted_pod
from runtimes.runtime import FUNCTION_FOLDER
from tidegate.api.function import dig

Object = dict[str, Any]

DRAIN = 5
"""Seconds between leaving the Service and the stop signal: callers hear of it with a delay."""

STOP = 10
"""Seconds beyond the last call for the server to end."""

SPEC = "spec.deployment.spec.template.spec"


def pod_template(
    plan: Blueprint, layers: Mapping[str, Mapping[str, Any]], found: Findings
) -> Object:
    """Return the pod template of `plan` under `layers`, templates by the place they come from."""
    template = _basis(plan)
    for place, layer in layers.items():
        template = merged(template, _addressed(plan, layer), place, found)
    return _finished(plan, template, found)


def _basis(plan: Blueprint) -> Object:
    """Return what others may change, part by part."""
    return {
        "metadata": {
            "annotations": {
                **names.inherited_annotations(plan.function),
                "prometheus.io/scrape": "true",
                "prometheus.io/path": "/metrics",
                "prometheus.io/port": str(plan.port),
            },
        },
        "spec": {
            "initContainers": init_containers(plan),
            "containers": [_container(plan)],
            "volumes": volumes(plan),
            "imagePullSecrets": [{"name": name} for name in _pull_secrets(plan)],
        },
    }


def _container(plan: Blueprint) -> Object:
    image = {"image": plan.runtime.run.image} if plan.runtime else {}
    named = {"name": plan.port_name} if plan.port_name else {}
    return {
        "name": plan.name,
        **image,
        "ports": [{**named, "containerPort": plan.port, "protocol": "TCP"}],
        # Why it could not start, such as an import that failed, is what its last lines say.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": names.code_volume(plan.name), "mountPath": FUNCTION_FOLDER},
            {"name": names.scratch_volume(plan.name), "mountPath": "/tmp"},
        ],
    }


def _pull_secrets(plan: Blueprint) -> tuple[str, ...]:
    own = plan.runtime.pull_secrets if plan.runtime else ()
    return tuple(dict.fromkeys((*plan.config.pull_secrets, *own)))


def _addressed(plan: Blueprint, layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the containers of `layer` the names of those that they are meant for.

    The first container is the function's, whatever its name; an init container without a name is
    meant for each of those that prepare the function. So it was with Kubeless.
    """
    spec = layer.get("spec")
    if not isinstance(spec, Mapping):
        return layer
    spec = dict(spec)
    containers = spec.get("containers")
    if isinstance(containers, list) and containers and isinstance(containers[0], Mapping):
        spec["containers"] = [{**containers[0], "name": plan.name}, *containers[1:]]
    steps = spec.get("initContainers")
    if isinstance(steps, list):
        spec["initContainers"] = [part for step in steps for part in _named(plan, step)]
    return {**layer, "spec": spec}


def _named(plan: Blueprint, step: Any) -> list[Any]:
    if not isinstance(step, Mapping) or step.get("name"):
        return [step]
    return [{**step, "name": own["name"]} for own in init_containers(plan)]


def _finished(plan: Blueprint, template: Object, found: Findings) -> Object:
    """Add what nobody may change, and what depends on what others have changed."""
    spec, metadata = template["spec"], template["metadata"]
    steps, main, others = spec["initContainers"], spec["containers"][0], spec["containers"][1:]
    result = {
        "affinity": _apart(plan),
        "terminationGracePeriodSeconds": grace(plan, spec),
        **restricted_pod(spec, SPEC, found),
        "initContainers": [
            _step(plan, step, main.get("env", []), f"{SPEC}.initContainers[{index}]", found)
            for index, step in enumerate(steps)
        ],
        "containers": [
            _function(plan, main, grace(plan, spec), found),
            *(
                restricted(other, False, f"{SPEC}.containers[{index}]", found)
                for index, other in enumerate(others, start=1)
            ),
        ],
    }
    labels = {**metadata.get("labels", {}), **names.object_labels(plan.function)}
    kept = {key: result[key] for key in result if result[key] != []}
    return {"metadata": {**metadata, "labels": labels}, "spec": kept}


def _function(plan: Blueprint, main: Object, grace: int, found: Findings) -> Object:
    place = f"{SPEC}.containers[0]"
    ending = max(1.0, grace - DRAIN - STOP / 2)
    ours = contract(plan, dig(main, "resources", "limits", "memory"), ending)
    result = restricted(with_probes(main, plan), plan.is_own(main.get("image")), place, found)
    result["env"] = with_contract(main.get("env", []), ours, place, found)
    pause = {"preStop": {"sleep": {"seconds": DRAIN}}}
    return with_default(result, "lifecycle", pause, place, found)


def grace(plan: Blueprint, spec: Object) -> int:
    """Return the seconds that a pod gets to end: those that its author wrote, else enough for a
    call that has just begun."""
    given = spec.get("terminationGracePeriodSeconds")
    if isinstance(given, int):
        return given
    return DRAIN + math.ceil(min(plan.function.spec.timeout, LONGEST_SHUTDOWN)) + STOP


def _step(
    plan: Blueprint, step: Object, user_env: list[Object], place: str, found: Findings
) -> Object:
    """An install or compile step sees what the function sees, as in Kubeless."""
    result = dict(step)
    if step["name"] in (names.INSTALL, names.COMPILE):
        own = {entry["name"] for entry in step["env"]}
        result["env"] = [entry for entry in user_env if entry["name"] not in own] + step["env"]
    read_only = step["name"] == names.PREPARE or is_of_the_catalog(step.get("image"))
    return restricted(result, read_only, place, found)


def _apart(plan: Blueprint) -> Object:
    """Prefer nodes without a pod of the same function."""
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": names.selector_labels(plan.name)},
    }
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
