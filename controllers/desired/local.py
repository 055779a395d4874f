"""What a Function object asks of the laptop, as a plain value. Pure; durations are seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controllers.desired.code import Code, FunctionInvalid, code_of
from tidegate.api.function import Function

FunctionKey = tuple[str, str]
"""(namespace, name)"""

Object = Mapping[str, Any]  # a part of a Kubernetes object, as the user wrote it


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of a Secret or ConfigMap; `key` is None for all of its entries."""

    kind: str
    name: str
    key: str | None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, or with a reference to a whole object, all that it holds.

    For a whole object `name` is the prefix of each variable.
    """

    name: str
    value: str | Reference


@dataclass(frozen=True, slots=True)
class LocalFunction:
    """Everything about a function that its processes depend on. Equal values need no restart."""

    namespace: str
    name: str
    runtime: str
    handler: str
    code: Code
    deps: str = ""
    timeout: float = 180.0
    replicas: int = 1
    env: tuple[Variable, ...] = ()
    memory_limit: str = "0"

    @property
    def key(self) -> FunctionKey:
        """Return (namespace, name)."""
        return self.namespace, self.name

    @property
    def title(self) -> str:
        """Return the name that logs and messages use."""
        return f"{self.namespace}/{self.name}"

    @property
    def module(self) -> str:
        """Return the part of the handler that names the file."""
        return self._handler_parts()[0]

    @property
    def entry(self) -> str:
        """Return the part of the handler that names the function in the file."""
        return self._handler_parts()[1]

    def _handler_parts(self) -> tuple[str, str]:
        module, dot, entry = self.handler.partition(".")
        if not (dot and entry and "." not in entry and _is_file_stem(module)):
            raise FunctionInvalid(
                f"{self.title}: spec.handler is {self.handler!r}; write module.function, "
                "for example hello.main"
            )
        return module, entry


def _is_file_stem(text: str) -> bool:
    return bool(text) and not set(text) & set("/\\\0")


def local_function(function: Function) -> LocalFunction:
    """Return what `function` asks of the laptop; fields that only a cluster has are left out."""
    spec = function.spec
    pod = _at(spec.deployment, "spec", "template", "spec")
    container = _first(pod.get("containers"))
    return LocalFunction(
        namespace=function.namespace,
        name=function.name,
        runtime=spec.runtime,
        handler=spec.handler,
        code=code_of(spec),
        deps=spec.deps,
        timeout=spec.timeout,
        replicas=_replicas(_at(spec.deployment, "spec")),
        env=_variables(container),
        memory_limit=str(_at(container, "resources", "limits").get("memory", "0")),
    )


def _replicas(deployment_spec: Object) -> int:
    replicas = deployment_spec.get("replicas", 1)
    return replicas if isinstance(replicas, int) and replicas >= 0 else 1


def _variables(container: Object) -> tuple[Variable, ...]:
    """Return whole objects first: single variables override them, as in Kubernetes."""
    whole = [
        Variable(str(entry.get("prefix", "")), _reference(kind, _at(entry, field), None))
        for entry in _objects(container.get("envFrom"))
        for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap"))
        if field in entry
    ]
    return (*whole, *(_variable(entry) for entry in _objects(container.get("env"))))


def _variable(entry: Object) -> Variable:
    name = str(entry.get("name", ""))
    origin = _at(entry, "valueFrom")
    for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if field in origin:
            selector = _at(origin, field)
            return Variable(name, _reference(kind, selector, str(selector.get("key", ""))))
    value = entry.get("value")
    return Variable(name, "" if value is None else str(value))


def _reference(kind: str, selector: Object, key: str | None) -> Reference:
    return Reference(kind, str(selector.get("name", "")), key, selector.get("optional") is True)


def _at(value: Any, *path: str) -> Object:
    """Return the object at `path`, an empty one when something else or nothing is there."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> list[Object]:
    entries = value if isinstance(value, list) else []
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _first(value: Any) -> Object:
    return next(iter(_objects(value)), {})


def fingerprint(function: LocalFunction, env: Mapping[str, str]) -> str:
    """Return a digest that changes when anything does that its processes depend on."""
    everything = repr((function, sorted(env.items())))
    return hashlib.sha256(everything.encode("utf-8", "surrogatepass")).hexdigest()[:16]
