"""`tidegate validate`: every mistake in manifests, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.errors import ExitCode
from tidegate.cli.options import OutputOption
from tidegate.cli.output import Format, document, write

if TYPE_CHECKING:
    from tidegate.api.problem import Problem

FIELDS = ("file", "line", "object", "field", "message", "fix")


def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders.")],
    output: OutputOption = Format.TABLE,
) -> None:
    """Check manifests and say what is wrong. Exits with 1 when something is."""
    from tidegate.api.problem import Severity
    from tidegate.cli.up.files import require
    from tidegate.cli.up.manifests import Manifests, known_here

    require(paths)
    reading = Manifests(paths, known=known_here()).read()
    if output in (Format.JSON, Format.YAML):
        write(document([row(problem) for problem in reading.problems], output))
    else:
        _write_sentences(reading.problems, len(reading.resources))
    if any(problem.severity is Severity.ERROR for problem in reading.problems):
        raise typer.Exit(ExitCode.FAILURE)


def row(problem: Problem) -> dict[str, Any]:
    """Return one problem for programs. Field names are stable."""
    fields = {name: getattr(problem, name) for name in FIELDS}
    return {"severity": problem.severity.value, **fields}


def _write_sentences(problems: tuple[Problem, ...], good: int) -> None:
    for problem in problems:
        write(f"{problem.severity.value}: {problem}")
    write(f"{_count(good, 'object')} can run, {_count(len(problems), 'problem')}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
