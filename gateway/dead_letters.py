"""What people do with dead letters: look at them, have them tried again, throw them away."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gateway.context import Context
from gateway.core.dead_letter import Letter
from gateway.errors import ConfigError, SinkUnavailable
from gateway.letters.selection import Selection
from gateway.letters.store import REMOVED_AT_ONCE, LetterStore, Stored
from gateway.redrive import Redrive, Result, Tell
from tidegate.api.subscription import Subscription

READERS: Mapping[str, str] = {
    "file": "gateway.letters.files",
    "kafka": "gateway.letters.topic",
    "nats": "gateway.letters.stream",
}
"""Kind of `deadLetter` -> module with `place_of` and `opened`, and its client library: on use."""

Store = AbstractAsyncContextManager[LetterStore]

_ELSEWHERE: Mapping[str, str] = {"http": "an URL", "function": "a function"}


@dataclass(frozen=True, slots=True)
class Purged:
    """How many letters are gone, and what is left of them, in sentences."""

    count: int
    remarks: tuple[str, ...]


class DeadLetters:
    """The letters in the files, streams and topics that the running subscriptions write to.

    Every method raises `SinkUnavailable` while a store is away. Letters that went to an URL or a
    function are not here; `elsewhere` says so.
    """

    def __init__(
        self, subscriptions: Callable[[], Iterable[Subscription]], context: Context
    ) -> None:
        self._subscriptions = subscriptions
        self._context = context
        self._redriving = False

    def store(self, subscription: Subscription) -> Callable[[], Store]:
        """Return how to open the place of the letters of `subscription`.

        Raises `ConfigError` where nobody can read them here.
        """
        if self._place(subscription) is None:
            elsewhere = self.elsewhere(Selection(frozenset(), *_trigger_of(subscription)))
            why = elsewhere[0] if elsewhere else f"{subscription.id} keeps no dead letters"
            raise ConfigError(f"{why}; there are none to replay")
        return lambda: self._store(subscription)

    async def letters(self, selection: Selection) -> AsyncGenerator[tuple[str, Letter], None]:
        """Yield the selected letters with the names of their stores, oldest first in each."""
        for subscription in self._places():
            async with self._store(subscription) as store, aclosing(store.letters()) as every:
                async for stored in every:
                    if selection.takes(stored.letter):
                        yield store.name, stored.letter

    def elsewhere(self, selection: Selection) -> list[str]:
        """Return a sentence for each selected subscription whose letters nobody can read here."""
        return [
            f"dead letters of {one.id} go to {_ELSEWHERE[target.kind]}; they are there, and can "
            "be neither listed nor redriven here"
            for one in self._subscriptions()
            if (target := one.policy.dead_letter) is not None
            and target.kind in _ELSEWHERE
            and selection.covers(one.id)
        ]

    async def purge(self, selection: Selection) -> Purged:
        """Remove the selected letters for good."""
        count = 0
        remarks = []
        for subscription in self._places():
            async with self._store(subscription) as store:
                count += await _purge(store, selection)
                remarks.append(await store.erase())
        return Purged(count, tuple(filter(None, remarks)))

    async def count(self, selection: Selection) -> int:
        """Return how many letters a redrive of `selection` has to deliver."""
        running = {one.id for one in self._subscriptions()}
        async with aclosing(self.letters(selection)) as found:
            return len({one.id async for _, one in found if one.subscription in running})

    async def redrive(self, selection: Selection, rate: float, tell: Tell) -> None:
        """Have the selected letters delivered again, at most `rate` a second.

        Each goes to the function of its trigger under the policy of now, and leaves its store
        once the function has taken it. One that fails again stays as it is. Raises
        `SinkUnavailable` while another redrive is under way: both would deliver each letter.
        """
        if self._redriving:
            raise SinkUnavailable("a redrive is under way here already; wait for it to end")
        self._redriving = True
        try:
            await self._redrive(selection, rate, tell)
        finally:
            self._redriving = False

    async def _redrive(self, selection: Selection, rate: float, tell: Tell) -> None:
        missing = set(selection.ids)

        async def told(result: Result) -> None:
            missing.discard(result.id)
            await tell(result)

        for subscription in list(self._subscriptions()):
            if self._place(subscription) is not None:
                async with self._store(subscription) as store:
                    redrive = Redrive(subscription, store, self._context)
                    await redrive.run(selection, rate, told)
        for id in sorted(missing):
            await tell(Result(id, "there is no such letter of a trigger that runs now", True))

    def _places(self) -> Iterable[Subscription]:
        """Return one subscription for each place, though many may write to it."""
        found = {self._place(one): one for one in self._subscriptions()}
        found.pop(None, None)
        return found.values()

    def _place(self, subscription: Subscription) -> Hashable | None:
        """Name where the letters of `subscription` can be read; None for nowhere."""
        target = subscription.policy.dead_letter
        if target is None or target.kind not in READERS:
            return None
        try:
            place: Hashable = _reader(subscription).place_of(subscription, self._context)
        except (ConfigError, ModuleNotFoundError):
            return None  # the subscription is refused, and says why
        return target.kind, place

    def _store(self, subscription: Subscription) -> Store:
        store: Store = _reader(subscription).opened(subscription, self._context)
        return store


def _trigger_of(subscription: Subscription) -> tuple[str, str]:
    return subscription.namespace, subscription.trigger


def _reader(subscription: Subscription) -> Any:
    """Return the module that reads the letters of `subscription`."""
    target = subscription.policy.dead_letter
    assert target is not None
    return import_module(READERS[target.kind])


async def _purge(store: LetterStore, selection: Selection) -> int:
    count = 0
    batch: list[Stored] = []
    async with aclosing(store.letters()) as letters:
        async for stored in letters:
            if selection.takes(stored.letter):
                batch.append(stored)
                count += 1
            if len(batch) >= REMOVED_AT_ONCE:
                await store.remove(batch)
                batch = []
    if batch:
        await store.remove(batch)
    return count
