"""What can be said about a function at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from controllers.desired.local import FunctionKey, LocalFunction

Address = tuple[str, int]


class State(Enum):
    """Where a function is."""

    PREPARING = "preparing"
    """Code and dependencies are on their way."""

    STARTING = "starting"
    """Processes run, none is ready yet."""

    READY = "ready"
    """Every process takes calls."""

    UPDATING = "updating"
    """A changed version is on its way; the one before it takes the calls."""

    DEGRADED = "degraded"
    """Calls are taken, but not by all that was asked for; the reason says why."""

    FAILING = "failing"
    """Nothing takes calls; the reason says why."""


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """One function, for tables and for people. `since` is Unix time."""

    key: FunctionKey
    state: State
    ready: int
    total: int
    reason: str
    pids: tuple[int, ...]
    urls: tuple[str, ...]
    restarts: int
    since: float
    changing: bool = False
    """Whether the version that is wanted is on its way, and nothing is wrong with it so far."""
    observed: LocalFunction | None = None
    """The version that this is about; a later wish may not have been looked at yet."""
