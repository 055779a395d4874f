"""Names for the shell to complete: those of the place that the line means so far.

A shell waits for this with every TAB. So there is a deadline, at which the whole process ends, and
nothing is said of what is in the way: it would be written into the user's line. Light: every start
of the command reads it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place
    from tidegate.cli.place.target import Target

DEADLINE: Final = 1.0
"""For the place to tell its names. Seconds."""


def function_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the functions whose names begin so. For the process that a shell has started."""
    from tidegate.cli.errors import CommandError
    from tidegate.cli.place.open import run  # before the deadline runs: it takes its own time

    _be_silent_and_soon_over()
    try:
        names = run(_meant(context.params), _names)
    except (CommandError, OSError, ImportError):
        names = []
    signal.setitimer(signal.ITIMER_REAL, 0)
    return [name for name in names if name.startswith(incomplete)]


def _be_silent_and_soon_over() -> None:
    import logging

    logging.disable()
    # Not by asyncio: a thread that looks up a name of a host would be waited for.
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, DEADLINE)


def _meant(said: Mapping[str, Any]) -> Target:
    from tidegate.cli.place.target import target

    state, kubeconfig = said.get("state"), said.get("kubeconfig")
    return target(said.get("namespace") or "", state, said.get("context") or "", kubeconfig)


async def _names(place: Place) -> list[str]:
    from tidegate.cli.place.kinds import FUNCTIONS
    from tidegate.kube.selection import Selection

    chosen = Selection(FUNCTIONS, place.namespace, metadata_only=True)
    return [one["metadata"]["name"] for one in (await place.objects.list(chosen)).items]
