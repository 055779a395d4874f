"""Which dead letters somebody means. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.dead_letter import Letter


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant. What is empty selects all."""

    ids: frozenset[str] = frozenset()
    namespace: str = ""
    trigger: str = ""
    subscriptions: frozenset[str] = frozenset()
    """Ids of those whose letters are meant, where several gateways share the work."""

    def takes(self, letter: Letter) -> bool:
        """Say whether `letter` is meant."""
        return (not self.ids or letter.id in self.ids) and self.covers(letter.subscription)

    def covers(self, subscription: str) -> bool:
        """Say whether letters of `subscription`, an id, may be meant."""
        namespace, _, trigger, _ = split_id(subscription)
        if self.subscriptions and subscription not in self.subscriptions:
            return False
        return self.namespace in ("", namespace) and self.trigger in ("", trigger)


def split_id(subscription: str) -> tuple[str, str, str, str]:
    """Return namespace, kind, trigger and function of a subscription's id; empty where unknown."""
    parts = (*subscription.split("/", 3), "", "", "", "")
    return parts[0], parts[1], parts[2], parts[3]
