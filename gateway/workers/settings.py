"""Settings of a gateway of several processes. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """How many workers, what they share, and how they are cared for."""

    workers: int

    ledger: Path | None
    """A SQLite file on a disk of this machine, which every worker opens. None in a cluster."""

    restart_delay: float = 0.1
    """First wait before a worker is replaced; doubles with each failure. Calls wait meanwhile."""

    restart_delay_max: float = 10.0
    """Longest wait before a worker is replaced."""

    patience: float = 1.0
    """A longer wait than this closes the worker's socket, so that calls go to the others."""

    silence: float = 30.0
    """A worker that says nothing for so long hangs, and is replaced."""

    stop_margin: float = 20.0
    """What a worker may take beyond the drain, for its last words to brokers and callers."""
