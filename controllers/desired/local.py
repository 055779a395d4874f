"""What a Function object asks of the laptop, as a plain value. Pure; durations are seconds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tidegate.api.function import Function

FunctionKey = tuple[str, str]
"""(namespace, name)"""

Lookup = Callable[[str, str, str], Mapping[str, bytes] | None]
"""(kind, namespace, name) -> the entries of that Secret or ConfigMap, or None without one."""


_EXPANSION = re.compile(r"\$\$|\$\(([^()]+)\)")

Object = Mapping[str, Any]  # a part of a Kubernetes object, as the user wrote it


class FunctionInvalid(Exception):
    """The function cannot run as it is written; the message tells its author what to change."""


class Encoding(Enum):
    """How the text of `spec.function` holds the code."""

    TEXT = "text"
    BASE64 = "base64"
    URL = "url"


class Archive(Enum):
    """How the code is packed."""

    NONE = "none"
    ZIP = "zip"
    TAR = "compressedtar"


@dataclass(frozen=True, slots=True)
class Code:
    """Where the code of a function comes from; `checksum` is of the decoded bytes, hexadecimal."""

    content: str
    encoding: Encoding = Encoding.TEXT
    archive: Archive = Archive.NONE
    carries_deps: bool = False
    checksum: str = ""


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
        code=_code(spec.function, spec.function_content_type, spec.checksum),
        deps=spec.deps,
        timeout=spec.timeout,
        replicas=_replicas(_at(spec.deployment, "spec")),
        env=_variables(container),
        memory_limit=str(_at(container, "resources", "limits").get("memory", "0")),
    )


def _code(content: str, content_type: str, checksum: str) -> Code:
    base, *rest = (content_type or Encoding.TEXT.value).split("+")
    archives = [Archive(part) for part in rest if part != "deps"]
    return Code(
        content=content,
        encoding=Encoding(base),
        archive=archives[0] if archives else Archive.NONE,
        carries_deps="deps" in rest,
        checksum=checksum.removeprefix("sha256:"),
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


def user_env(function: LocalFunction, lookup: Lookup) -> dict[str, str]:
    """Return the variables that the user asked for, with references resolved.

    Raises FunctionInvalid, naming the object and the key that is not there.
    """
    env: dict[str, str] = {}
    for variable in function.env:
        if isinstance(variable.value, str):
            env[variable.name] = _expanded(variable.value, env)
        else:
            env.update(_resolved(function, variable.name, variable.value, lookup))
    return env


def _expanded(text: str, env: Mapping[str, str]) -> str:
    """Replace $(NAME) by a variable named before, as Kubernetes does; $$ stands for one $."""

    def replacement(match: re.Match[str]) -> str:
        return "$" if match[1] is None else env.get(match[1], match[0])

    return _EXPANSION.sub(replacement, text)


def _resolved(
    function: LocalFunction, name: str, reference: Reference, lookup: Lookup
) -> dict[str, str]:
    wanted_by = f"{function.title}: environment variable {name or '(all entries)'}"
    entries = lookup(reference.kind, function.namespace, reference.name)
    if entries is None:
        if reference.optional:
            return {}
        raise FunctionInvalid(
            f"{wanted_by} needs {reference.kind} {function.namespace}/{reference.name}, "
            "which is not there; add it, or mark the reference optional"
        )
    if reference.key is None:
        return {name + key: _text(value) for key, value in entries.items()}
    if reference.key in entries:
        return {name: _text(entries[reference.key])}
    if reference.optional:
        return {}
    raise FunctionInvalid(
        f"{wanted_by} needs key {reference.key!r} of {reference.kind} "
        f"{function.namespace}/{reference.name}, which has "
        f"{', '.join(sorted(entries)) or 'no keys'}; correct the key or add it"
    )


def _text(value: bytes) -> str:
    """Return `value` as the operating system passes it on, whatever its encoding."""
    return value.decode("utf-8", "surrogateescape").replace("\0", "")


def fingerprint(function: LocalFunction, env: Mapping[str, str]) -> str:
    """Return a digest that changes when anything does that its processes depend on."""
    everything = repr((function, sorted(env.items())))
    return hashlib.sha256(everything.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def process_env(
    function: LocalFunction, env: Mapping[str, str], folder: str, host: str
) -> dict[str, str]:
    """Return what runtimes/contract.md asks for; as with Kubeless it wins over the user's own."""
    timeout = f"{function.timeout:g}"
    return {
        **env,
        "FUNC_HANDLER": function.entry,
        "MOD_NAME": function.module,
        "FUNC_TIMEOUT": timeout,
        "FUNC_SHUTDOWN_TIMEOUT": timeout,
        "FUNC_RUNTIME": function.runtime,
        "FUNC_MEMORY_LIMIT": function.memory_limit,
        "FUNC_HOST": host,
        "FUNC_PORT": "0",
        "FUNC_NAME": function.name,
        "FUNC_NAMESPACE": function.namespace,
        "KUBELESS_INSTALL_VOLUME": folder,
    }
