"""Which place is meant, as the command line said it. Light: every start of the command reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tidegate.cli.errors import CommandError, ExitCode


@dataclass(frozen=True, slots=True)
class Target:
    """What was said; what is empty was left open. See `tidegate.cli.place.open`."""

    namespace: str = ""
    state: Path | None = None
    context: str = ""
    kubeconfig: Path | None = None


def target(
    namespace: str = "",
    state: Path | None = None,
    context: str = "",
    kubeconfig: Path | None = None,
) -> Target:
    """Return what the options say. Raises `CommandError` when they name two places."""
    if state is not None and (context or kubeconfig is not None):
        other = "--context" if context else "--kubeconfig"
        raise CommandError(
            f"--state names a `tidegate up` and {other} a cluster; give one of them",
            ExitCode.USAGE,
        )
    return Target(namespace, state, context, kubeconfig)
