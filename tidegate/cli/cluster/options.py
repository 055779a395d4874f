"""Options of the verbs that look at a cluster. Light: every start of the command reads this."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

HOME: Final = "tidegate"
"""The namespace that the manifests name."""


class Overlay(StrEnum):
    """The installations there are."""

    DEV = "dev"
    HA = "ha"
    NAMESPACE_SCOPED = "namespace-scoped"


OverlayOption = Annotated[
    Overlay, typer.Option(help="dev, ha or namespace-scoped.", metavar="NAME")
]
HomeOption = Annotated[
    str, typer.Option("--namespace", "-n", metavar="NAME", help="Namespace of Tidegate itself.")
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Kubeconfig. Default what kubectl takes."),
]
ContextOption = Annotated[
    str, typer.Option(metavar="NAME", help="Its context. Default the current one.")
]
