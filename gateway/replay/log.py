"""The port behind which a trigger's log is: read from a moment on, up to another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from gateway.core.event import CloudEvent


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` on, and before `end`; two that adjoin have each event in one of them."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """Say whether `moment` is within."""
        return self.start <= moment < self.end


class Entry(NamedTuple):
    """One event of a log. `key` and `partition` order it as the trigger's own deliveries."""

    event: CloudEvent
    position: object
    key: object = None
    partition: object = None
    status: int | None = None
    """What the live version answered, where the log itself says so."""


Page = Sequence[Entry]


class Log(Protocol):
    """What a trigger may read, read beside it: nothing at the broker tells that it was.

    `passed` of `total` is how far the reading is, in steps of the log's own; `total` is None
    where nobody knows.
    """

    passed: int
    total: int | None

    def pages(self) -> AsyncGenerator[Page, None]:
        """Yield what the window holds, each partition in its order, and end there.

        An empty page means: what follows must not overtake what came before. Raises `ConfigError`
        for what only a person can mend, and `SourceUnavailable` when the broker cannot be read.
        """
        ...
