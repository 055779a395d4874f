"""What the pods of each runtime are made of: images, commands and environment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from runtimes.catalog import (
    OLD_WAYS,
    RUNTIMES,
    SUCCESSORS,
    UnknownRuntime,
    succession,
    unknown,
)
from runtimes.runtime import Places, Runtime, Step
from tidegate.api.problem import listed, nearest

Object = Mapping[str, Any]
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Phase:
    """An image that does one step. `command` is a line of shell; empty is the image's own."""

    image: str
    command: str = ""
    env: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    secrets: tuple[str, ...] = ()
    """Secrets mounted at /var/run/secrets/kubeless.io/<name> during this step."""


@dataclass(frozen=True, slots=True)
class PodRuntime:
    """One runtime as a pod needs it."""

    name: str
    run: Phase
    file_suffix: str = ""
    deps_file: str = ""
    install: Phase | None = None
    compile: Phase | None = None
    liveness: Object = field(default_factory=lambda: NOTHING)
    """The probe instead of the usual one."""
    pull_secrets: tuple[str, ...] = ()


def pod_runtime(runtime: Runtime) -> PodRuntime:
    """Return how a pod runs what the catalog describes."""
    places = runtime.in_a_pod
    return PodRuntime(
        name=runtime.name,
        run=Phase(runtime.image, env=_filled(runtime.env, places)),
        file_suffix=runtime.file_suffix,
        deps_file=runtime.deps_file,
        install=_phase(runtime.install, places),
        compile=_phase(runtime.compile, places),
    )


def _phase(step: Step | None, places: Places) -> Phase | None:
    if step is None:
        return None
    # Nobody's home is in the image, and /tmp is what can be written.
    own = {"HOME": "/tmp", "TIDEGATE_RUNTIME": places.files}
    return Phase(step.image, step.command, own | _filled(step.env, places))


def _filled(env: Mapping[str, str], places: Places) -> dict[str, str]:
    return {name: places.filled(value) for name, value in env.items()}


def _repository(image: str) -> str:
    """Return the name of an image without its tag and digest."""
    folder, slash, name = image.partition("@")[0].rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}"


CATALOG: Mapping[str, PodRuntime] = MappingProxyType(
    {name: pod_runtime(runtime) for name, runtime in RUNTIMES.items()}
)
"""The runtimes that come with the controller; the configuration adds and replaces."""


_OURS = frozenset(_repository(runtime.run.image) for runtime in CATALOG.values())
_KNOWN = _OURS.union(
    _repository(step.image)
    for runtime in CATALOG.values()
    for step in (runtime.install, runtime.compile)
    if step is not None
)


def _is_of(image: object, repositories: Collection[str]) -> bool:
    """Tell images by the end of their names: any registry may have copies."""
    if not isinstance(image, str):
        return False
    return any(f"/{_repository(image)}".endswith(f"/{name}") for name in repositories)


def is_ours(image: object) -> bool:
    """Tell images that come with Tidegate and run functions.

    They keep runtimes/contract.md: they answer /readyz, and write nowhere but to /tmp.
    """
    return _is_of(image, _OURS)


def is_of_the_catalog(image: object) -> bool:
    """Tell images of the catalog, which write to /kubeless and /tmp alone."""
    return _is_of(image, _KNOWN)


def find(name: str, known: Mapping[str, PodRuntime]) -> tuple[PodRuntime, str]:
    """Return the runtime for `name`, and what its author should know or an empty text.

    Raises UnknownRuntime with a sentence.
    """
    if name in known:
        return known[name], ""
    successor = SUCCESSORS.get(name, "")
    if successor in known:
        runtime = known[successor]
        env = {**runtime.run.env, **OLD_WAYS.get(name, {})}
        return replace(runtime, run=replace(runtime.run, env=env)), succession(name, successor)
    raise UnknownRuntime(_unknown(name, known))


def _unknown(name: str, known: Mapping[str, PodRuntime]) -> str:
    if known.keys() == RUNTIMES.keys():
        return unknown(name)
    guess = nearest(name, known)
    fix = f"did you mean {guess}?" if guess else f"set runtime to {listed(sorted(known))}"
    return f"there is no runtime {name!r}: {fix}"
