"""Options that the verbs share which run until they are stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.up.options import LogFormat, LogLevel

EVERY_ADDRESS = ""
"""Of IPv4 and of IPv6."""

AddressOption = Annotated[str, typer.Option(metavar="ADDRESS", help="Where calls come in.")]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, metavar="N", help="Port of calls; 0 is any.")
]
AdminPortOption = Annotated[
    int, typer.Option(min=0, max=65535, metavar="N", help="Port of health and metrics.")
]
DrainTimeoutOption = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="For what is in flight on a stop.")
]
ReplicaOption = Annotated[
    str,
    typer.Option(envvar="POD_NAME", metavar="NAME", help="This replica. Default the host's name."),
]
LogFormatOption = Annotated[LogFormat, typer.Option(metavar="FORM", help="text or json.")]
LogLevelOption = Annotated[
    LogLevel, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")
]
