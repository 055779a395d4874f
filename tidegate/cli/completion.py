"""`tidegate completion`: the script that a shell loads."""

from __future__ import annotations

import os
import subprocess
import sys
from enum import StrEnum
from typing import Annotated

import typer

COMPLETE_VARIABLE = "_TIDEGATE_COMPLETE"
"""What the framework reads its instruction from, after the program's name."""


class Shell(StrEnum):
    """Shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish, powershell.")],
) -> None:
    """Print the completion script of a shell.

    For bash: source <(tidegate completion bash)
    """
    environment = {**os.environ, COMPLETE_VARIABLE: f"source_{shell.value}"}
    program = "import sys; sys.argv[0] = 'tidegate'; from tidegate.cli import main; main()"
    command = [sys.executable, "-c", program]
    script = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    typer.echo(script.stdout, nl=False)
