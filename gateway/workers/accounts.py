"""The books of all workers together, those that went included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.progress import Progress
from gateway.workers.tally import Tally, added, closed, fill
from tidegate.api.subscription import KafkaTopic, Subscription


@dataclass(slots=True)
class _Account:
    """One subscription. `parts` are of workers that run it, by place and number of its progress."""

    wanted: Subscription | None
    progress: Progress = field(default_factory=Progress)
    parts: dict[tuple[int, int], Tally] = field(default_factory=dict)
    past: Tally = field(default_factory=dict)
    lag_is_split: bool = False

    def close(self, key: tuple[int, int]) -> None:
        """Keep what a part has counted; it will not change any more."""
        self.past = added(self.past, closed(self.parts.pop(key)))

    def sum_up(self) -> None:
        """Bring `progress` up to date."""
        fill(self.progress, self.past, list(self.parts.values()), lag_is_split=self.lag_is_split)


class Accounts:
    """Sums up what the workers report. Counters never go back while a subscription is wanted.

    What a worker counted between its last report and its sudden end is not known here. Its events
    are: the brokers have them.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def want(self, subscriptions: Iterable[Subscription]) -> None:
        """Keep the books of `subscriptions`, and of others until their last events have ended."""
        wanted = {one.id: one for one in subscriptions}
        for id, account in list(self._accounts.items()):
            account.wanted = wanted.pop(id, None)
            self._forget_ended(id)
        for id, one in wanted.items():
            split = isinstance(one.source, KafkaTopic)
            self._accounts[id] = _Account(one, lag_is_split=split)

    def rows(self) -> list[tuple[Subscription, Progress]]:
        """Return every wanted subscription with its sum, which goes on changing."""
        accounts = self._accounts.values()
        return [(one.wanted, one.progress) for one in accounts if one.wanted is not None]

    def report(self, place: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take what the worker in `place` says of what has changed."""
        for row in rows:
            account = self._accounts.get(row["id"])
            if account is None:
                continue  # not wanted any more, and nothing was known of it
            key = (place, row["number"])
            account.parts[key] = row["tally"]
            if row["ended"]:
                account.close(key)
            account.sum_up()
            self._forget_ended(row["id"])

    def lost(self, place: int) -> None:
        """Close the books of the worker in `place`: its process has ended."""
        for id, account in list(self._accounts.items()):
            keys = [key for key in account.parts if key[0] == place]
            for key in keys:
                account.close(key)
            if keys:
                account.sum_up()
            self._forget_ended(id)

    def received(self, place: int) -> int:
        """Return how many events the worker in `place` has received of what it runs now."""
        return sum(
            part["received"]
            for account in self._accounts.values()
            for key, part in account.parts.items()
            if key[0] == place
        )

    def _forget_ended(self, id: str) -> None:
        account = self._accounts[id]
        if account.wanted is None and not account.parts:
            del self._accounts[id]
