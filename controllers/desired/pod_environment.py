"""The environment of a function's containers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controllers.desired.blueprint import Blueprint
from controllers.desired.environment import LONGEST_SHUTDOWN
from controllers.desired.findings import Findings
from runtimes.runtime import FUNCTION_FOLDER

Object = dict[str, Any]


def contract(plan: Blueprint, memory: object, ending: float) -> dict[str, str]:
    """Return what runtimes/contract.md promises a server; without code only where to listen.

    `memory` is the limit of its container, `ending` what calls in flight may take at its end.
    """
    function, runtime = plan.function, plan.runtime
    module, _, entry = function.spec.handler.partition(".")
    timeout = function.spec.timeout
    called = {
        "FUNC_HANDLER": literal(entry),
        "MOD_NAME": module,
        "FUNC_TIMEOUT": seconds(timeout),
        "FUNC_RUNTIME": function.spec.runtime,
        "FUNC_MEMORY_LIMIT": "0" if memory is None else str(memory),
    }
    served = {
        "FUNC_PORT": str(plan.port),
        "FUNC_NAME": function.name,
        "FUNC_NAMESPACE": function.namespace,
        "FUNC_SHUTDOWN_TIMEOUT": seconds(min(timeout, LONGEST_SHUTDOWN, ending)),
    }
    volume = {"KUBELESS_INSTALL_VOLUME": FUNCTION_FOLDER} if plan.code or runtime else {}
    phase = dict(sorted(runtime.run.env.items())) if runtime else {}
    return {**(called if plan.code else {}), **served, **volume, **(phase if plan.code else {})}


def seconds(duration: float) -> str:
    """Write a duration as a server reads it: whole where it is whole."""
    return str(int(duration)) if duration == int(duration) else f"{duration:.3f}".rstrip("0")


def with_contract(
    given: list[Object], ours: Mapping[str, str], container: str, found: Findings
) -> list[Object]:
    """Return the author's variables, then `ours`, which may refer to each other."""
    for name in (entry["name"] for entry in given if entry["name"] in ours):
        fix = "choose another name, or remove it"
        found.warn(f"{container}.env", f"sets {name}, which its server needs and gets", fix)
    own = [entry for entry in given if entry["name"] not in ours]
    return [*own, *variables(ours)]


def variables(env: Mapping[str, str]) -> list[Object]:
    """Return environment variables as a container lists them."""
    return [{"name": name, "value": value} for name, value in env.items()]


def literal(text: str) -> str:
    """Write `text` so that Kubernetes expands nothing in it."""
    return text.replace("$", "$$")
