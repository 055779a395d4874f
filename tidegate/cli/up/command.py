"""The verb `up` and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import STATE
from tidegate.cli.up.options import LogFormat, LogLevel, UpOptions


def up(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help="Files and folders. Default .")
    ] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where calls come in.")] = (
        "127.0.0.1"
    ),
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port of calls; 0 is any.")
    ] = 8080,
    admin_port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port of health and metrics.")
    ] = 8081,
    nats: Annotated[
        str, typer.Option(metavar="URL", help="A NATS server to use instead of an own one.")
    ] = "",
    state: Annotated[
        Path, typer.Option(envvar="TIDEGATE_STATE", metavar="DIR", help="Folder for what is kept.")
    ] = STATE,
    workers: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Gateway processes that share the work.")
    ] = 1,
    drain_timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="For what is in flight on a stop.")
    ] = 20.0,
    log_format: Annotated[
        LogFormat, typer.Option(metavar="FORM", help="text or json.")
    ] = LogFormat.TEXT,
    log_level: Annotated[
        LogLevel, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")
    ] = LogLevel.INFO,
) -> None:
    """Run the functions and triggers of YAML and JSON files on this machine.

    Reads the files below each PATH, hidden folders left out, and follows their
    changes. Ctrl-C lets what is in flight finish; a second one does not.
    """
    from tidegate.cli.up.main import main

    options = UpOptions(
        paths=tuple(paths or [Path()]),
        state=state,
        host=host,
        port=port,
        admin_port=admin_port,
        nats_url=nats,
        workers=workers,
        drain_timeout=drain_timeout,
        log_format=log_format,
        log_level=log_level,
    )
    code = main(options)
    if code:
        raise typer.Exit(code)
