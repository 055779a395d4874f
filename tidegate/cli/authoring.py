"""`tidegate function init` and `test`: a function's first hour, with nothing running."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.options import STATE, StateOption
from tidegate.cli.output import write

if TYPE_CHECKING:
    from tidegate.api.metadata import Resource
    from tidegate.cli.cases import Case


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the function.")],
    runtime: Annotated[
        str, typer.Option("--runtime", "-r", metavar="RUNTIME", help="As python3.13 or nodejs.")
    ],
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write it; else ./NAME.")
    ] = None,
) -> None:
    """Write a function that works, and cases that show it."""
    from tidegate.cli.runtime import named
    from tidegate.cli.starter import starter

    begun = starter(name, named(runtime), folder or Path(name))
    begun.write()
    for file in begun.files:
        write(str(begun.folder / file))
    write(f"test it with: tidegate function test {begun.folder}")


def test(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders.")],
    data: Annotated[
        str | None, typer.Option("--data", "-d", metavar="TEXT", help="Send this, not the cases.")
    ] = None,
    state: StateOption = STATE,
) -> None:
    """Run functions here, and compare what they answer to events.

    The events are those of the files cases.toml beside the manifests.
    """
    import asyncio

    from tidegate.api.function import Function
    from tidegate.cli.trial import run_cases, wanted
    from tidegate.cli.up.secrets import FileSecrets

    resources = _resources(paths)
    functions = [wanted(one) for one in resources if isinstance(one, Function)]
    cases = _cases(paths) if data is None else [_given(data)]
    if not functions:
        raise CommandError("there is no Function in these files", ExitCode.USAGE)
    secrets = FileSecrets()
    secrets.replace(resources)
    failures = asyncio.run(run_cases(functions, cases, state.absolute(), secrets.lookup))
    if failures:
        raise CommandError(f"{failures} of {len(cases)} cases failed")


test.__test__ = False  # type: ignore[attr-defined]  # for pytest, which collects by name


def _resources(paths: Sequence[Path]) -> Sequence[Resource]:
    """Return what the manifests hold; raises `CommandError` with the first mistake."""
    from tidegate.api.problem import Severity
    from tidegate.cli.up.files import require
    from tidegate.cli.up.manifests import Manifests, known_here

    require(paths)
    reading = Manifests(paths, known=known_here()).read()
    for problem in reading.problems:
        if problem.severity is Severity.ERROR:
            raise CommandError(str(problem))
    return reading.resources


def _cases(paths: Sequence[Path]) -> list[Case]:
    from tidegate.cli.cases import read_cases
    from tidegate.cli.starter import CASES

    folders = dict.fromkeys(path if path.is_dir() else path.parent for path in paths)
    files = [file for folder in folders for file in sorted(folder.rglob(CASES))]
    cases = [case for file in files for case in read_cases(file)]
    if not cases:
        raise CommandError(
            f"there is no {CASES} with cases beside the manifests; write one, or send an event "
            "with --data",
            ExitCode.USAGE,
        )
    return cases


def _given(data: str) -> Case:
    from tidegate.cli.call import call_headers
    from tidegate.cli.cases import Case

    return Case("--data", data.encode(), call_headers(data))
