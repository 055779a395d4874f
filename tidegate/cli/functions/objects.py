"""Functions as the command line wants them: only what it named changes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.functions.code import Code
from tidegate.cli.functions.flags import CodeFlags, PodFlags
from tidegate.cli.functions.pairs import Pairs, names, pairs, variables

Object = dict[str, Any]

PORT: Final = 8080
PORT_NAME: Final = "http-function-port"
_VOLUME: Final = "-vol"
_QUANTITY: Final = re.compile(
    r"([0-9]+([.][0-9]*)?|[.][0-9]+)(n|u|m|k|Ki|[MGTPE]i?|[eE][+-]?[0-9]+)?"
)
"""An amount as Kubernetes writes it. A Function is stored with any; its pods are refused later."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything that was named, files and URLs read already."""

    code_flags: CodeFlags = field(default_factory=CodeFlags)
    pod_flags: PodFlags = field(default_factory=PodFlags)
    code: Code | None = None
    deps: str | None = None


def new_function(name: str, namespace: str, wish: Wish) -> Object:
    """Return the Function NAME as it was named; without a namespace when that is not known."""
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {"created-by": "kubeless", "function": name}
    empty = {"apiVersion": "kubeless.io/v1beta1", "kind": "Function", "metadata": metadata}
    return changed({**empty, "spec": {}}, wish)


def changed(function: Object, wish: Wish) -> Object:
    """Return `function` with what was named changed, and all else as it was."""
    after = deepcopy(function)
    metadata, spec = after["metadata"], after.setdefault("spec", {})
    _put(metadata, "labels", _overlaid(metadata.get("labels"), _pairs("--label", wish)))
    _change_code(spec, wish)
    _change_pod(spec, wish)
    _change_service(spec, wish.pod_flags)
    return after


def _pairs(option: str, wish: Wish) -> Pairs:
    given = {"--label": wish.pod_flags.label, "--node-selectors": wish.pod_flags.node_selectors}
    return pairs(option, given[option] or ())


def _change_code(spec: Object, wish: Wish) -> None:
    flags = wish.code_flags
    named: dict[str, Any] = {
        "handler": flags.handler,
        "runtime": flags.runtime,
        "timeout": flags.timeout,
        "deps": wish.deps,
    }
    if wish.code is not None:
        named |= {
            "function": wish.code.content,
            "function-content-type": wish.code.content_type,
            "checksum": wish.code.checksum,
        }
    spec.update({name: value for name, value in named.items() if value is not None})


def _change_pod(spec: Object, wish: Wish) -> None:
    flags, code = wish.pod_flags, wish.code_flags
    pod = _pod(spec)
    container = _container(pod)
    _put(container, "image", code.runtime_image)
    policy = code.image_pull_policy
    _put(container, "imagePullPolicy", None if policy is None else policy.value)
    _put(container, "env", _environment(container.get("env"), variables(flags.env or ())))
    _put(container, "resources", _resources(container.get("resources"), flags))
    _mount(pod, container, names(flags.secrets or ()))
    selectors = _overlaid(pod.get("nodeSelector"), _pairs("--node-selectors", wish))
    _put(pod, "nodeSelector", selectors)
    _put(pod, "serviceAccountName", flags.service_account)
    if container:
        pod["containers"] = [container, *pod.get("containers", [])[1:]]
    if pod:
        deployment = spec.setdefault("deployment", {})
        deployment.setdefault("spec", {}).setdefault("template", {})["spec"] = pod


def _pod(spec: Mapping[str, Any]) -> Object:
    template = ((spec.get("deployment") or {}).get("spec") or {}).get("template") or {}
    return dict(template.get("spec") or {})


def _container(pod: Mapping[str, Any]) -> Object:
    containers = pod.get("containers") or []
    return dict(containers[0]) if containers else {}


def _put(target: Object, name: str, value: Any) -> None:
    """Set what was named. What became empty goes, if it was there."""
    if value is None:
        return
    if value in ({}, []):
        target.pop(name, None)
    else:
        target[name] = value


def _overlaid(before: Mapping[str, str] | None, named: Pairs) -> Object | None:
    if not named:
        return None
    after = {**(before or {}), **named}
    return {key: value for key, value in after.items() if value is not None}


def _environment(before: list[Object] | None, named: Pairs) -> list[Object] | None:
    """Change variables where they stand; new ones come last."""
    if not named:
        return None
    new = {name: {"name": name, "value": text} for name, text in named.items() if text is not None}
    stay = [new.pop(one["name"], one) for one in before or ()]
    gone = {name for name, text in named.items() if text is None}
    return [one for one in [*stay, *new.values()] if one["name"] not in gone]


def _resources(before: Mapping[str, Any] | None, flags: PodFlags) -> Object | None:
    """Set request and limit to the same, so that what is asked for is what is had."""
    asked = {"memory": flags.memory, "cpu": flags.cpu}
    named = {name: size for name, size in asked.items() if size is not None}
    if not named:
        return None
    for name, size in named.items():
        _check_amount(name, size)
    after = dict(before or {})
    for kind in ("limits", "requests"):
        after[kind] = {**(after.get(kind) or {}), **named}
    return after


def _check_amount(name: str, size: str) -> None:
    if _QUANTITY.fullmatch(size) is None:
        example = "128Mi or 1Gi" if name == "memory" else "100m or 2"
        raise CommandError(f"--{name} {size!r} is no amount; write {example}", ExitCode.USAGE)


def _mount(pod: Object, container: Object, secrets: Mapping[str, bool]) -> None:
    """Mount Secrets at their names, as Kubeless did; those that are to go are taken away."""
    if not secrets:
        return
    ours = {f"{name}{_VOLUME}" for name in secrets}
    wanted = [name for name, there in secrets.items() if there]
    volumes = [one for one in pod.get("volumes") or [] if one.get("name") not in ours]
    mounts = [one for one in container.get("volumeMounts") or [] if one.get("name") not in ours]
    volumes += [{"name": f"{name}{_VOLUME}", "secret": {"secretName": name}} for name in wanted]
    mounts += [
        {"name": f"{name}{_VOLUME}", "mountPath": f"/{name}", "readOnly": True} for name in wanted
    ]
    _put(pod, "volumes", volumes)
    _put(container, "volumeMounts", mounts)


def _change_service(spec: Object, flags: PodFlags) -> None:
    if flags.port is None and flags.service_port is None and flags.headless is None:
        return
    service = dict(spec.get("service") or {})
    ports = service.get("ports") or []
    first = dict(ports[0]) if ports else {"name": PORT_NAME, "port": PORT, "targetPort": PORT}
    same = first.get("port") == first.get("targetPort", first.get("port"))
    if flags.port is not None:
        first["targetPort"] = flags.port
    if flags.service_port:
        first["port"] = flags.service_port
    elif flags.service_port == 0 or same:
        first["port"] = first["targetPort"]
    service["ports"] = [{"protocol": "TCP", **first}, *ports[1:]]
    if flags.headless:
        service["clusterIP"] = "None"
    elif flags.headless is not None:
        service.pop("clusterIP", None)
    service.setdefault("type", "ClusterIP")
    spec["service"] = service


def cron_trigger(function: Object, schedule: str) -> Object:
    """Return the trigger that `--schedule` makes: it has the function's name."""
    metadata = function["metadata"]
    return {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": "CronJobTrigger",
        "metadata": {**metadata, "labels": {"created-by": "kubeless"}},
        "spec": {"function-name": metadata["name"], "schedule": schedule},
    }


def difference(before: Any, after: Any) -> Object:
    """Return the merge patch that leads from one object to the other."""
    patch: Object = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if name not in before:
            patch[name] = value
        elif isinstance(old, dict) and isinstance(value, dict):
            inner = difference(old, value)
            if inner:
                patch[name] = inner
        elif old != value:
            patch[name] = value
    return patch
