"""What a dispatcher joins, and what it may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core.breaker import BreakerSettings
from gateway.core.budget import Budget
from gateway.core.sink import Sink
from gateway.core.source import Source


@dataclass(frozen=True, slots=True)
class Limits:
    """What one dispatcher may hold, and how long a drain may take, in seconds."""

    events: int = 1024
    bytes: int = 16 * 1024 * 1024
    drain_timeout: float = 20.0
    budget: Budget = field(default_factory=lambda: Budget(128 * 1024 * 1024))
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    decisions: int = 256
    total_decisions: int = 32 * 1024


News = Callable[[Callable[[], None]], Callable[[], None]]
"""Has its argument called whenever a destination may take events again; returns the end of it."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where one subscription's events come from and go to."""

    source: Source
    sink: Sink
    dead_letter: Sink | None = None
    news: News | None = None
