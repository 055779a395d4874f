"""The verb `up` and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import STATE
from tidegate.cli.run_options import (
    AddressOption,
    AdminPortOption,
    DrainTimeoutOption,
    LogFormatOption,
    LogLevelOption,
    PortOption,
)
from tidegate.cli.up.options import LogFormat, LogLevel, UpOptions


def up(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Files and folders. Default .")
    ] = None,
    host: AddressOption = "127.0.0.1",
    port: PortOption = 8080,
    admin_port: AdminPortOption = 8081,
    nats: Annotated[
        str, typer.Option(metavar="URL", help="A NATS server to use instead of an own one.")
    ] = "",
    state: Annotated[
        Path, typer.Option(envvar="TIDEGATE_STATE", metavar="DIR", help="Folder for what is kept.")
    ] = STATE,
    workers: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Gateway processes that share the work.")
    ] = 1,
    drain_timeout: DrainTimeoutOption = 20.0,
    log_format: LogFormatOption = LogFormat.TEXT,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Run functions and triggers of files on this machine.

    Reads the YAML and JSON files below each PATH, hidden folders left out, and follows
    their changes. Ctrl-C lets what is in flight finish; a second one does not.
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
