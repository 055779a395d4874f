"""What the parts of a function's objects agree on: runtime, files, port. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controllers.desired.code import Archive, Code, code_of
from controllers.desired.code_check import check_code
from controllers.desired.config import ControllerConfig
from controllers.desired.findings import Findings
from controllers.desired.images import PodRuntime, find, is_ours
from runtimes.catalog import UnknownRuntime
from tidegate.api.function import Function, FunctionSpec, dig

DEFAULT_PORT = 8080
HANDLER = "handler"
"""The entry of the ConfigMap with the handler."""

CONFIG_MAP_LIMIT = 1024 * 1024
"""What the API server takes: the bytes of all values together."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One function on its way to its objects."""

    function: Function
    config: ControllerConfig
    runtime: PodRuntime | None
    """None for an image that needs none."""
    code: Code | None
    """None when the image brings its own."""
    port: int
    """Where the function listens."""

    @property
    def name(self) -> str:
        """The name of the function and of most of its objects."""
        return self.function.name

    @property
    def port_name(self) -> str:
        """The name by which the Service finds the port; empty when it does so by number."""
        target = _target(self.function.spec.service)
        return target if isinstance(target, str) else ""

    @property
    def file(self) -> str:
        """The entry of the ConfigMap that holds the code, or where it is."""
        archive = self.code is not None and self.code.archive is not Archive.NONE
        return self.function.spec.module + ("" if archive else self.file_suffix)

    @property
    def file_suffix(self) -> str:
        """How source files of the runtime end."""
        return self.runtime.file_suffix if self.runtime else ""

    @property
    def deps_file(self) -> str:
        """The dependency file; empty when the runtime has none."""
        return self.runtime.deps_file if self.runtime else ""

    @property
    def source(self) -> dict[str, str]:
        """The entries of the ConfigMap."""
        if self.code is None:
            return {}
        spec = self.function.spec
        deps = {self.deps_file: spec.deps} if self.deps_file else {}
        return {**deps, HANDLER: spec.handler, self.file: self.code.content}

    def is_own(self, image: object) -> bool:
        """Whether `image` comes with Tidegate, and so keeps the contract for servers."""
        return self.runtime is not None and is_ours(image)

    @property
    def installs(self) -> bool:
        """Whether there are dependencies, and something that installs them."""
        wanted = bool(self.function.spec.deps.strip()) or (
            self.code is not None and self.code.carries_deps
        )
        return wanted and self.runtime is not None and self.runtime.install is not None


def blueprint(function: Function, config: ControllerConfig, found: Findings) -> Blueprint:
    """Return what the objects of `function` agree on, with all mistakes noted in `found`."""
    spec = function.spec
    code = code_of(spec) if spec.handler and spec.function else None
    plan = Blueprint(function, config, _runtime(function, config, found), code, _port(spec))
    if code is not None:
        check_code(code, found)
        _check_source(plan, found)
    return plan


def _runtime(function: Function, config: ControllerConfig, found: Findings) -> PodRuntime | None:
    spec = function.spec
    if not spec.runtime:
        return None
    try:
        runtime, warning = find(spec.runtime, config.runtimes)
    except UnknownRuntime as error:
        if not spec.image or spec.function:
            found.mistakes.append(f"{function}: spec.runtime: {error}")
        return None
    if warning and not spec.image:
        found.warnings.append(f"{function}: spec.runtime: {warning}")
    return runtime


def _target(service: Mapping[str, Any]) -> object:
    """Return the target of the first port, as Kubeless did."""
    ports = service.get("ports")
    return dig(ports[0], "targetPort") if isinstance(ports, list) and ports else None


def _port(spec: FunctionSpec) -> int:
    target = _target(spec.service)
    if isinstance(target, str):
        return next(_numbers(spec, target), DEFAULT_PORT)
    return target if isinstance(target, int) and target > 0 else DEFAULT_PORT


def _numbers(spec: FunctionSpec, name: str) -> Iterator[int]:
    """Yield the ports of the function's container that its author gave this name."""
    containers = dig(spec.deployment, "spec", "template", "spec", "containers")
    ports = dig(containers[0], "ports") if isinstance(containers, list) and containers else None
    for port in ports if isinstance(ports, list) else []:
        number = dig(port, "containerPort")
        if dig(port, "name") == name and isinstance(number, int):
            yield number


def _check_source(plan: Blueprint, found: Findings) -> None:
    spec = plan.function.spec
    if plan.file in (HANDLER, plan.deps_file):
        message = f"names the file {plan.file}, which is taken"
        found.refuse("spec.handler", message, "give the module another name")
    if spec.deps.strip() and not plan.deps_file and (plan.runtime or not spec.runtime):
        whose = (
            f"runtime {spec.runtime} has no" if spec.runtime else "without spec.runtime there is no"
        )
        found.refuse(
            "spec.deps", f"is set, but {whose} dependency file", "remove it or set runtime"
        )
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in plan.source.values())
    if size > CONFIG_MAP_LIMIT:
        message = (
            f"and spec.deps have {size} bytes, more than the {CONFIG_MAP_LIMIT} of a ConfigMap"
        )
        fix = (
            "put the code where it can be fetched, write its URL and set "
            "spec.function-content-type to url (+zip or +compressedtar for an archive)"
        )
        found.refuse("spec.function", message, fix)
