"""The environment of a function's process: what its author asked for, what its server needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from controllers.desired.code import FunctionInvalid
from controllers.desired.local import LocalFunction, Reference

Lookup = Callable[[str, str, str], Mapping[str, bytes] | None]
"""(kind, namespace, name) -> the entries of that Secret or ConfigMap, or None without one."""


LONGEST_SHUTDOWN = 3600.0
"""Servers take no longer time to stop, however long a call may be."""

_EXPANSION = re.compile(r"\$\$|\$\(([^()]+)\)")


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


def process_env(
    function: LocalFunction, env: Mapping[str, str], folder: str, host: str
) -> dict[str, str]:
    """Return what runtimes/contract.md asks for; as with Kubeless it wins over the user's own."""
    return {
        **env,
        "FUNC_HANDLER": function.entry,
        "MOD_NAME": function.module,
        "FUNC_TIMEOUT": f"{function.timeout:g}",
        "FUNC_SHUTDOWN_TIMEOUT": f"{min(function.timeout, LONGEST_SHUTDOWN):g}",
        "FUNC_RUNTIME": function.runtime,
        "FUNC_MEMORY_LIMIT": function.memory_limit,
        "FUNC_HOST": host,
        "FUNC_PORT": "0",
        "FUNC_NAME": function.name,
        "FUNC_NAMESPACE": function.namespace,
        "KUBELESS_INSTALL_VOLUME": folder,
    }
