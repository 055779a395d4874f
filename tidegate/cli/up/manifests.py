"""From files to the objects that run. What breaks while it runs goes on as it last was good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtimes.catalog import RUNTIMES, SUCCESSORS
from tidegate.api.check import Known, check
from tidegate.api.function import Function, dig
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.kinds import CORE_KINDS, CUSTOM_KINDS
from tidegate.api.loader import load
from tidegate.api.metadata import Resource, problem_of
from tidegate.api.problem import Problem, Severity
from tidegate.cli.up import files

Objects = Mapping[str, Resource]
"""Objects by "Kind namespace/name"."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the files say now. `kept` are objects that run as they were before they broke."""

    resources: tuple[Resource, ...]
    problems: tuple[Problem, ...]
    kept: tuple[str, ...]
    folders: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """One file as the loader understood it."""

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()


def known_here() -> Known:
    """Return what a laptop has beside the objects: runtimes, and no Secrets but those of files."""
    return Known(tuple(RUNTIMES), {}, tuple(SUCCESSORS))


class Manifests:
    """Reads the manifests below some paths, again and again.

    An object that is broken now keeps its last good version; one that is gone from its file, or
    whose file is gone, is gone.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        left_out: Path | None = None,
        known: Known | None = None,
        *,
        laptop: bool = False,
    ) -> None:
        self._laptop = laptop
        self._paths = paths
        self._left_out = left_out
        self._known = known or Known(secrets={})
        self._good: dict[Path, tuple[Resource, ...]] = {}
        self._running: Objects = {}

    def read(self) -> Reading:
        """Read everything anew. Blocks. Raises `CommandError` when there are too many files."""
        found = files.find(self._paths, self._left_out)
        loaded = {file: _load(file) for file in found.files}
        self._good = {
            file: (*each.resources, *survivors(self._good.get(file, ()), each))
            for file, each in loaded.items()
        }
        every = [resource for good in self._good.values() for resource in good]
        between = check(every, self._known)
        self._running = admitted(every, self._running, self._known)
        fresh = {id(resource) for each in loaded.values() for resource in each.resources}
        return Reading(
            resources=tuple(self._running.values()),
            problems=(
                *(p for each in loaded.values() for p in each.problems),
                *between,
                *(without_effect(self._running.values()) if self._laptop else ()),
            ),
            kept=tuple(name for name, one in self._running.items() if id(one) not in fresh),
            folders=found.folders,
        )


def changed_functions(before: Iterable[Resource], now: Iterable[Resource]) -> set[tuple[str, str]]:
    """Return namespace and name of the functions that were there and are different now."""
    old = {str(one): one for one in before if isinstance(one, Function)}
    return {
        (one.namespace, one.name)
        for one in now
        if isinstance(one, Function) and str(one) in old and one != old[str(one)]
    }


def without_effect(resources: Iterable[Resource]) -> Iterator[Problem]:
    """Warn of what ingress controllers and kubelets do in a cluster and nobody on a laptop."""
    for one in resources:
        if isinstance(one, Function):
            yield from _unmounted(one)
        if not isinstance(one, HTTPTrigger):
            continue
        spec = one.spec
        for field, is_set, fix in (
            ("basic-auth-secret", spec.basic_auth_secret, "calls need no password here"),
            ("tls", spec.tls, "calls are plain HTTP here"),
            ("tls-secret", spec.tls_secret, "calls are plain HTTP here"),
            ("cors-enable", spec.cors_enable, "answer cross-origin requests in the function"),
        ):
            if is_set:
                message = "has no effect on a laptop"
                yield problem_of(one, ("spec", field), message, fix, Severity.WARNING)


def _unmounted(function: Function) -> Iterator[Problem]:
    path = ("spec", "deployment", "spec", "template", "spec", "volumes")
    if dig(function.spec.deployment, *path[2:]):
        message = "has no effect on a laptop"
        fix = "nothing is mounted here; take Secrets and ConfigMaps from variables, by valueFrom"
        yield problem_of(function, path, message, fix, Severity.WARNING)


def survivors(before: Iterable[Resource], now: Loaded) -> list[Resource]:
    """Return the objects of `before` that are not in `now` because they broke."""
    present = {str(resource) for resource in now.resources}
    errors = [problem for problem in now.problems if problem.severity is Severity.ERROR]
    return [
        resource
        for resource in before
        if str(resource) not in present and any(_may_be(problem, resource) for problem in errors)
    ]


def _may_be(problem: Problem, resource: Resource) -> bool:
    """Tell whether `problem` may be about `resource`; where the name is lost, it may."""
    kind, _, name = problem.object.partition(" ")
    same_kind = kind == resource.kind or kind not in {*CUSTOM_KINDS, *CORE_KINDS}
    lost = not name or name.endswith("/?")
    return same_kind and (lost or name == f"{resource.namespace}/{resource.name}")


def admitted(every: Iterable[Resource], running: Objects, known: Known) -> dict[str, Resource]:
    """Return what may run together: one of each name, an older version for what clashes now."""
    candidates: dict[str, Resource] = {}
    for resource in every:
        candidates.setdefault(str(resource), resource)
    wrong = _wrong(candidates, known)
    fallback = {
        name: running[name] if name in wrong and name in running else resource
        for name, resource in candidates.items()
    }
    still_wrong = _wrong(fallback, known)
    return {name: one for name, one in fallback.items() if name not in still_wrong}


def _wrong(objects: Objects, known: Known) -> set[str]:
    problems = check(objects.values(), known)
    return {problem.object for problem in problems if problem.severity is Severity.ERROR}


def _load(file: Path) -> Loaded:
    try:
        text = files.read(file)
    except OSError as error:
        problem = Problem(f"cannot be read: {error.strerror}", "make it readable", str(file))
        return Loaded(problems=(problem,))
    resources, problems = load(text, str(file))
    return Loaded(tuple(resources), tuple(problems))
