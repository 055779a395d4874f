"""What became of the events of a replay: counted, and the first ones that matter named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gateway.core.delivery import Answer, Delivery, Outcome

NAMED = 20
"""Failed events, and differing ones, that a report names."""

_FAILED = frozenset((Outcome.DROPPED, Outcome.DEAD_LETTERED))


@dataclass(slots=True)
class Tally:
    """The counts of one function. `released` is what a stop cut off."""

    function: str
    read: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    compared: int = 0
    differing: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Events that the function did not take."""
        return sum(self.outcomes[one] for one in _FAILED)

    def settled(self, delivery: Delivery, live: int | None) -> None:
        """Count a delivery that has ended; `live` is what the live version answered, if known."""
        assert delivery.outcome is not None
        self.outcomes[delivery.outcome] += 1
        if delivery.outcome in (Outcome.FILTERED, Outcome.RELEASED):
            return
        status = _status(delivery)
        if status is not None:
            self.statuses[status] += 1
        if delivery.outcome in _FAILED and len(self.failures) < NAMED:
            self.failures.append(self._failure(delivery, status))
        if live is not None:
            self._compare(delivery, status, live)

    def counts(self) -> dict[str, int]:
        """Return the counts. Field names are stable."""
        return {
            "read": self.read,
            "delivered": self.outcomes[Outcome.DELIVERED],
            "failed": self.failed,
            "filtered": self.outcomes[Outcome.FILTERED],
            "deadLettered": self.outcomes[Outcome.DEAD_LETTERED],
            "stopped": self.outcomes[Outcome.RELEASED],
        }

    def row(self) -> dict[str, Any]:
        """Return everything. Field names are stable."""
        return {
            "function": self.function,
            **self.counts(),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "compared": self.compared,
            "differing": self.differing,
            "failures": self.failures,
            "differences": self.differences,
        }

    def _failure(self, delivery: Delivery, status: int | None) -> dict[str, Any]:
        return {
            **_named(delivery),
            "status": status,
            "attempts": delivery.attempts,
            "error": str(delivery.last_error or ""),
        }

    def _compare(self, delivery: Delivery, status: int | None, live: int) -> None:
        self.compared += 1
        if status == live:
            return
        self.differing += 1
        if len(self.differences) < NAMED:
            self.differences.append({**_named(delivery), "status": status, "live": live})


def _status(delivery: Delivery) -> int | None:
    """Return the function's last answer; None where it gave none."""
    if delivery.outcome is Outcome.DELIVERED:
        answer: Answer | None = delivery.answer
        return None if answer is None else answer.status
    return getattr(delivery.last_error, "status", None)


def _named(delivery: Delivery) -> dict[str, str]:
    steps = (delivery.partition, delivery.position)
    place = "/".join(str(step) for step in steps if step not in (None, ""))
    return {"event": delivery.event.id, "position": place}
