"""`tidegate runtime`: list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.options import OutputOption
from tidegate.cli.output import Format, listing, write

if TYPE_CHECKING:
    from runtimes.runtime import Runtime

COLUMNS = (
    ("RUNTIME", "runtime"),
    ("FILE", "file"),
    ("DEPENDENCIES", "dependencies"),
    ("HERE", "here"),
)
WIDE = (("IMAGE", "image"), ("RUNS ALSO", "successor_of"))

app = typer.Typer(no_args_is_help=True, help="See what runs functions.")


@app.callback()
def runtime() -> None:
    """See what runs functions."""


@app.command("list")
def list_runtimes(output: OutputOption = Format.TABLE) -> None:
    """List the runtimes, and what this machine lacks to run each. Also: ls."""
    from runtimes.catalog import RUNTIMES

    write(listing([row(one) for one in RUNTIMES.values()], output, COLUMNS, WIDE))


app.command("ls", hidden=True)(list_runtimes)


def row(one: Runtime) -> dict[str, Any]:
    """Return one runtime for programs. Field names are stable."""
    import shutil

    from runtimes.catalog import SUCCESSORS

    missing = [program for program in one.programs if shutil.which(program) is None]
    return {
        "runtime": one.name,
        "language": one.language,
        "file": one.file_suffix,
        "dependencies": one.deps_file,
        "here": f"needs {', '.join(missing)}" if missing else "runs",
        "image": one.image,
        "successor_of": [old for old, new in SUCCESSORS.items() if new == one.name],
    }


def named(name: str) -> Runtime:
    """Return the runtime of this name, or the newest of this language.

    Raises `CommandError` with what it could be.
    """
    from runtimes.catalog import RUNTIMES, UnknownRuntime, find

    newest = [one for one in RUNTIMES.values() if one.language == name]
    if newest:
        return newest[-1]
    try:
        return find(name).runtime
    except UnknownRuntime as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
