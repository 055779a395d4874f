"""The options by which every verb is told its place. Light: every start of the command reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.place.target import Target, target

NamespaceOption = Annotated[
    str,
    typer.Option(
        "--namespace", "-n", metavar="NAME", help="Namespace. Default that of the context."
    ),
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state", metavar="DIR", help="The `tidegate up` with this folder. Default .tidegate."
    ),
]
ContextOption = Annotated[
    str, typer.Option("--context", metavar="NAME", help="The cluster of this context.")
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option("--kubeconfig", metavar="FILE", help="The cluster of this kubeconfig."),
]

__all__ = [
    "ContextOption",
    "KubeconfigOption",
    "NamespaceOption",
    "StateOption",
    "Target",
    "target",
]
