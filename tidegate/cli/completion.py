"""`tidegate completion`: the script that a shell loads."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import shell_complete

COMPLETE_VARIABLE = "_TIDEGATE_COMPLETE"
"""Where the script puts its questions when it calls the command."""


class Shell(StrEnum):
    """Shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def completion(
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish, powershell.")],
) -> None:
    """Print the completion script of a shell.

    For bash: source <(tidegate completion bash)
    """
    root = context.find_root().command
    shell_complete(root, {}, "tidegate", COMPLETE_VARIABLE, f"source_{shell.value}")
