"""The books of all subscriptions of one run together, those that went in between included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gateway.core.delivery import Outcome
from gateway.core.progress import Progress
from tidegate.api.subscription import Subscription

WORDS = {
    Outcome.DELIVERED: "delivered",
    Outcome.FILTERED: "filtered",
    Outcome.DEAD_LETTERED: "dead lettered",
    Outcome.DROPPED: "dropped",
    Outcome.RELEASED: "handed back",
}


class Balance:
    """Sums up what became of every event."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[str, Progress]] = {}

    def note(self, rows: Iterable[tuple[Subscription, Progress]]) -> None:
        """Remember the subscriptions that run now; to be called before and after each change."""
        self._seen |= {id(progress): (one.id, progress) for one, progress in rows}

    def in_flight(self) -> dict[str, int]:
        """Return how many events each subscription holds, where it is any."""
        held = Counter[str]()
        for name, progress in self._seen.values():
            held[name] += progress.books.in_flight
        return {name: count for name, count in held.items() if count}

    @property
    def drift(self) -> int:
        """Return what the books are off by, in sum; 0 unless there is a bug."""
        return sum(abs(progress.books.drift) for _, progress in self._seen.values())

    def sentence(self) -> str:
        """Return the balance in one line."""
        books = [progress.books for _, progress in self._seen.values()]
        received = sum(each.received for each in books)
        ends = {word: sum(each.outcomes[end] for each in books) for end, word in WORDS.items()}
        parts = [f"{count} {word}" for word, count in ends.items() if count or word == "delivered"]
        held = sum(each.in_flight for each in books)
        if held:
            parts.append(f"{held} in flight")
        return f"{received} received = {' + '.join(parts)}; drift {self.drift}"
