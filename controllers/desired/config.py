"""The kubeless-config ConfigMap as the controller understands it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controllers.desired.findings import Findings
from controllers.desired.images import CATALOG, NOTHING, PodRuntime
from controllers.desired.runtime_images import read_runtime_images
from tidegate import __version__
from tidegate.api.document import documents
from tidegate.api.problem import field_text, shown

PROVISION_IMAGE = f"tidegate/provision:{__version__}"

DEAD: Mapping[str, tuple[str, str]] = {
    "enable-build-step": (
        "false",
        "functions are prepared by init containers; to save that time, build an image of your own "
        "and name it in spec.deployment",
    ),
    "function-registry-tls-verify": ("true", "remove it: no images are built"),
    "builder-image": (
        "kubeless/function-image-builder:latest",
        "remove it: no images are built",
    ),
    "ingress-enabled": ("false", "write an HTTPTrigger for each function that is to be reached"),
    "service-type": ("ClusterIP", "set type in spec.service of each function"),
}
"""Keys of Kubeless's ConfigMap that nothing here reads: the value it came with, which is not
worth a word, and what to do instead of any other."""


@dataclass(frozen=True, slots=True)
class ControllerConfig:
    """What the administrator decides for all functions."""

    runtimes: Mapping[str, PodRuntime] = field(default_factory=lambda: CATALOG)
    provision_image: str = PROVISION_IMAGE
    """Fetches, checks and unpacks code: a shell, curl, unzip, tar and its decompressors."""
    pull_secrets: tuple[str, ...] = ()
    deployment: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """A template below that of every function."""
    functions_namespace: str = ""
    """The one namespace whose objects are reconciled; empty for all."""


@dataclass(frozen=True, slots=True)
class ConfigReading:
    """A configuration, and what was wrong with the text that it was read from."""

    config: ControllerConfig
    mistakes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_config(
    entries: Mapping[str, str],
    before: ControllerConfig | None = None,
    title: str = "ConfigMap kubeless/kubeless-config",
) -> ConfigReading:
    """Read the ConfigMap's `entries`. For a key that cannot be read `before`'s value goes on."""
    found, before = Findings(title), before or ControllerConfig()
    config = ControllerConfig(
        runtimes=_runtimes(entries, before, found),
        provision_image=entries.get("provision-image", "").strip() or PROVISION_IMAGE,
        pull_secrets=_pull_secrets(entries),
        deployment=_deployment(entries, before, found),
        functions_namespace=entries.get("functions-namespace", "").strip(),
    )
    _warn_of_the_dead(entries, found)
    return ConfigReading(config, tuple(found.mistakes), tuple(found.warnings))


def _runtimes(
    entries: Mapping[str, str], before: ControllerConfig, found: Findings
) -> Mapping[str, PodRuntime]:
    value, fine = _parsed(entries, "runtime-images", found)
    runtimes = read_runtime_images(value, found) if fine else None
    return before.runtimes if runtimes is None else {**CATALOG, **runtimes}


def _deployment(
    entries: Mapping[str, str], before: ControllerConfig, found: Findings
) -> Mapping[str, Any]:
    value, fine = _parsed(entries, "deployment", found)
    if fine and not isinstance(value, Mapping | None):
        found.refuse("deployment", f"is {shown(value)}", "write a Deployment, or {}")
        fine = False
    return (value or NOTHING) if fine else before.deployment


def _parsed(entries: Mapping[str, str], key: str, found: Findings) -> tuple[Any, bool]:
    """Return what the YAML or JSON under `key` says, and whether it could be read."""
    text = entries.get(key, "").strip()
    if text.startswith(("[", "{")):
        text = text.replace("\t", " ")  # JSON may be indented with tabs, YAML may not
    read, problems = documents(text, "") if text else ([], [])
    for problem in problems:
        where = f"{key}, line {problem.line}," if problem.line else key
        found.refuse(where, problem.message, problem.fix or "write YAML or JSON")
    for mistake in (mistake for document in read for mistake in document.mistakes):
        found.refuse(field_text((key, *mistake.path)), mistake.message, mistake.fix)
    if len(read) > 1:
        found.refuse(key, "holds several documents", "write one")
    fine = not problems and len(read) < 2 and not any(document.mistakes for document in read)
    return (read[0].value if read else None), fine


def _pull_secrets(entries: Mapping[str, str]) -> tuple[str, ...]:
    names = (entries.get(f"{image}-image-secret", "").strip() for image in ("provision", "builder"))
    return tuple(dict.fromkeys(name for name in names if name))


def _warn_of_the_dead(entries: Mapping[str, str], found: Findings) -> None:
    for key, (usual, advice) in DEAD.items():
        if entries.get(key, "").strip() not in ("", usual):
            found.warn(key, "has no effect", advice)
