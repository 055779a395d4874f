"""The verb `migrate`. Light: every start of the command reads this."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.output import Format, document, write
from tidegate.cli.place.options import ContextOption, KubeconfigOption

if TYPE_CHECKING:
    from tidegate.cli.migrate.work import Wanted


def migrate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files and folders. Default a cluster."),
    ] = None,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", metavar="NAME", help="Only this namespace.")
    ] = "",
    to: Annotated[
        str, typer.Option(metavar="CONTEXT", help="Another cluster to go to. Default the same.")
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option("--write", metavar="DIR", help="Write the objects in their new form there."),
    ] = None,
    output: Annotated[
        Format, typer.Option("--output", "-o", "--out", metavar="FORM", help="table, json, yaml.")
    ] = Format.TABLE,
    context: ContextOption = "",
    kubeconfig: KubeconfigOption = None,
) -> None:
    """Say what changes on the way from Kubeless.

    Reads the objects of Kubeless from files or from a cluster, with what it
    made of them there; prints what will mean something else, what is to be done
    by hand, and the commands in the order in which no event is lost. It changes
    no cluster.

    Exits with 0 when nothing is to be done by hand, with 1 when something is,
    and with 2 when something cannot be read.
    """
    from tidegate.cli.migrate.report import as_document, as_text
    from tidegate.cli.migrate.work import Wanted, reported

    wanted = Wanted(namespace, to, context, kubeconfig, folder)
    _check(paths, wanted)
    report, unreadable = reported(paths or [], wanted)
    if output in (Format.JSON, Format.YAML):
        write(document(as_document(report), output))
    else:
        write(as_text(report))
    for sentence in unreadable:
        typer.echo(f"tidegate: {sentence}", err=True)
    if unreadable:
        raise typer.Exit(ExitCode.USAGE)
    if report.tasks:
        raise typer.Exit(ExitCode.FAILURE)


def _check(paths: list[Path] | None, wanted: Wanted) -> None:
    if paths and (wanted.context or wanted.kubeconfig or wanted.to or wanted.namespace):
        raise CommandError(
            "PATH names files, and --context, --kubeconfig, --to and --namespace a cluster; "
            "give one of them",
            ExitCode.USAGE,
        )
