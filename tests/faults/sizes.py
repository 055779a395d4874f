"""How much of everything: little in the default suite, the full amount with `make faults`."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Sizes:
    """One form of the cases. Seconds."""

    long: bool
    """Whether what takes its time is to be shown, too, and told with figures."""

    events: int
    keys: int
    kills: int
    away: float
    """How long brokers and dead-letter targets are gone."""

    backlog: int
    slow: float
    """How long the function is slow in front of the backlog."""

    deadline: float
    """For one step of a case, or for the next order where they are waited for."""


SHORT = Sizes(
    long=False,
    events=1000,
    keys=50,
    kills=1,
    away=2.0,
    backlog=2000,
    slow=2.0,
    deadline=90.0,
)
LONG = Sizes(
    long=True,
    events=100_000,
    keys=200,
    kills=10,
    away=60.0,
    backlog=1_000_000,
    slow=120.0,
    deadline=600.0,
)


def sizes_from(environ: Mapping[str, str]) -> Sizes:
    """Return the form that `TIDEGATE_FAULTS` asks for (`short`, `long`), with other numbers of
    events where `TIDEGATE_FAULTS_EVENTS` and `TIDEGATE_FAULTS_BACKLOG` say so."""
    sizes = {"short": SHORT, "long": LONG}[environ.get("TIDEGATE_FAULTS", "short")]
    events = int(environ.get("TIDEGATE_FAULTS_EVENTS", sizes.events))
    return replace(
        sizes, events=events, backlog=int(environ.get("TIDEGATE_FAULTS_BACKLOG", sizes.backlog))
    )


def seed_from(environ: Mapping[str, str]) -> str:
    """Return `TIDEGATE_FAULTS_SEED`, or a new seed."""
    return environ.get("TIDEGATE_FAULTS_SEED") or str(random.SystemRandom().randrange(1 << 32))
