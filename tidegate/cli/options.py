"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.output import Format

StateOption = Annotated[
    Path,
    typer.Option(
        "--state",
        envvar="TIDEGATE_STATE",
        metavar="DIR",
        help="Folder of the running `tidegate up`.",
    ),
]
OutputOption = Annotated[
    Format, typer.Option("--output", "-o", metavar="FORM", help="table, wide, json or yaml.")
]

STATE = Path(".tidegate")
