"""Reads, judges and writes what `tidegate migrate` tells."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import yaml

from tidegate.cli.cluster.access import cluster_access
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.migrate.assess import assess
from tidegate.cli.migrate.cluster import age_of, read_cluster, settled_by
from tidegate.cli.migrate.files import read_files
from tidegate.cli.migrate.model import Draft, Report
from tidegate.cli.migrate.plan import Route, steps, steps_of_files, tasks_elsewhere
from tidegate.cli.migrate.settings import gateway_environment
from tidegate.kube.access import Access
from tidegate.kube.client import connected
from tidegate.kube.errors import AccessError, KubeError, Unavailable
from tidegate.kube.kubeconfig import kubeconfig_path

_NEW = "new"
"""The folder of objects that are not there yet, beside those that are."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    namespace: str = ""
    to: str = ""
    context: str = ""
    kubeconfig: Path | None = None
    folder: Path | None = None

    @property
    def title(self) -> str:
        """How the cluster is called."""
        return f"context {self.context}" if self.context else "the current context"


def reported(paths: Sequence[Path], wanted: Wanted) -> tuple[Report, list[str]]:
    """Return what is told, and a sentence for each file that cannot be read.

    Writes the objects where that is asked for. Raises `CommandError`.
    """
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if paths:
        report, unreadable = _of_files(paths, wanted, moment)
    else:
        report, unreadable = _of_cluster(wanted, moment), []
    if wanted.folder is not None:
        _write(wanted.folder, report.drafts)
    return report, unreadable


def _of_files(paths: Sequence[Path], wanted: Wanted, moment: str) -> tuple[Report, list[str]]:
    land, unreadable = read_files(paths)
    report = assess(land, moment, ", ".join(map(str, paths)))
    names = [str(path) for path in paths]
    found = steps_of_files(names, str(wanted.folder or "")) if report.drafts else []
    return replace(report, steps=found), unreadable


def _of_cluster(wanted: Wanted, moment: str) -> Report:
    try:
        return asyncio.run(_read(wanted, moment))
    except Unavailable as error:
        raise CommandError(str(error), ExitCode.UNREACHABLE) from error
    except AccessError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    except KubeError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error


async def _read(wanted: Wanted, moment: str) -> Report:
    async with connected(await _access(wanted)) as client:
        land = await read_cluster(client, wanted.namespace)
        report = assess(land, moment, wanted.title)
        if not wanted.to:
            tasks = [*await age_of(client), *await settled_by(client, report.tasks)]
            report = replace(report, tasks=tasks if report.drafts else report.tasks)
    elsewhere = tasks_elsewhere(land, f"context {wanted.to}") if wanted.to and report.drafts else []
    route = Route(
        context=wanted.context,
        kubeconfig=str(wanted.kubeconfig or ""),
        to=wanted.to,
        namespace=wanted.namespace,
        folder=str(wanted.folder or ""),
        environment=gateway_environment(land),
    )
    return replace(
        report,
        tasks=[*report.tasks, *elsewhere],
        steps=steps(land, list(report.drafts), route),
    )


async def _access(wanted: Wanted) -> Access:
    try:
        return await cluster_access(wanted.kubeconfig, wanted.context)
    except AccessError as error:
        path = kubeconfig_path()
        named = wanted.context or wanted.kubeconfig is not None
        if named or await asyncio.to_thread(path.exists):
            raise
        raise CommandError(
            f"there is no kubeconfig {path}; name a cluster with --context or --kubeconfig, or "
            "files with: tidegate migrate PATH",
            ExitCode.UNREACHABLE,
        ) from error


def _write(folder: Path, drafts: Sequence[Draft]) -> None:
    """Write each object into a file of its own."""
    try:
        for draft in drafts:
            if draft.obj is not None:
                place = folder / _NEW if draft.is_new else folder
                place.mkdir(parents=True, exist_ok=True)
                name = f"{draft.kind.lower()}.{draft.namespace}.{draft.name}.yaml"
                name = name.replace("/", "_")  # a file may hold any text as a name
                text = yaml.safe_dump(draft.obj, sort_keys=False, allow_unicode=True)
                (place / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"{folder}: cannot be written: {error.strerror}; name another folder with --write",
            ExitCode.USAGE,
        ) from error
