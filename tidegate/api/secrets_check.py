"""Secrets that objects name and that are not there, or lack a key. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tidegate.api.core_kinds import Secret
from tidegate.api.function import Function, dig
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.kafka_trigger import KafkaTrigger
from tidegate.api.kinds import Trigger
from tidegate.api.kinesis_trigger import KinesisTrigger
from tidegate.api.metadata import Resource, problem_of
from tidegate.api.nats_trigger import NATSTrigger
from tidegate.api.problem import Path, Problem, listed, quoted

_CONTAINERS = ("spec", "template", "spec", "containers")


class Need(NamedTuple):
    """A Secret that the field at `path` names, and the keys that it must have."""

    path: Path
    secret: str
    keys: tuple[str, ...] = ()


def missing_secrets(
    resources: Iterable[Resource], secrets: Mapping[tuple[str, str], Collection[str]] | None
) -> Iterator[Problem]:
    """Compare what is needed with `secrets` and with those among the resources.

    Nothing is said when `secrets` is None, because then nobody knows which there are.
    """
    if secrets is None:
        return
    every = list(resources)
    written = [each for each in every if isinstance(each, Secret)]
    keys = dict(secrets) | {(each.namespace, each.name): each.values.keys() for each in written}
    for resource in every:
        for need in _needs(resource):
            found = keys.get((resource.namespace, need.secret))
            yield from _problems(resource, need, found)


def _problems(resource: Resource, need: Need, keys: Collection[str] | None) -> Iterator[Problem]:
    if keys is None:
        message = f"there is no Secret {quoted(need.secret)} in namespace {resource.namespace}"
        fix = f"create it with {listed(need.keys, 'and')}" if need.keys else "create it"
        yield problem_of(resource, need.path, message, fix)
        return
    for key in need.keys:
        if key not in keys:
            message = f"the Secret {quoted(need.secret)} has no key {quoted(key)}"
            yield problem_of(resource, need.path, message, f"add the key {key} to the Secret")


def _needs(resource: Resource) -> Iterator[Need]:
    if isinstance(resource, Function):
        yield from _function_needs(resource)
    elif isinstance(resource, Trigger):
        yield from _trigger_needs(resource)


def _function_needs(function: Function) -> Iterator[Need]:
    """Name the Secrets of the function's environment, but for those that are optional."""
    containers = dig(function.spec.deployment, *_CONTAINERS)
    for index, container in enumerate(_items(containers)):
        for number, variable in enumerate(_items(dig(container, "env"))):
            wanted = dig(variable, "valueFrom", "secretKeyRef")
            name, key = dig(wanted, "name"), dig(wanted, "key")
            if isinstance(name, str) and isinstance(key, str) and not dig(wanted, "optional"):
                yield Need(("spec", "deployment", *_CONTAINERS, index, "env", number), name, (key,))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _trigger_needs(trigger: Trigger) -> Iterator[Need]:
    """Name the Secrets of a trigger and the keys that each must have."""
    needs: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    match trigger:
        case HTTPTrigger(spec=spec):
            needs = (
                ("tls-secret", spec.tls_secret, ("tls.crt", "tls.key")),
                ("basic-auth-secret", spec.basic_auth_secret, ("auth",)),
            )
        case KinesisTrigger(spec=spec):
            aws = ("aws_access_key_id", "aws_secret_access_key")
            needs = (("secret", spec.secret, aws),)
        case KafkaTrigger(spec=spec):
            needs = (("secret", spec.secret, ()),)
        case NATSTrigger(spec=spec):
            needs = (("secret", spec.secret, ()),)
    return (Need(("spec", field), name, keys) for field, name, keys in needs if name)
