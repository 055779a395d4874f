"""What people do with dead letters: look at them, have them tried again, throw them away."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

from gateway.context import Context
from gateway.core.dead_letter import Letter
from gateway.errors import ConfigError, SinkUnavailable
from gateway.letters.files import borrow, path_of
from gateway.letters.selection import Selection
from gateway.letters.store import REMOVED_AT_ONCE, LetterStore, Stored
from gateway.letters.stream import StreamLetters
from gateway.nats.login import server_of
from gateway.redrive import Redrive, Result, Tell
from tidegate.api.subscription import DeadLetter, Subscription


class DeadLetters:
    """The letters in the files and streams that the running subscriptions write to.

    Every method raises `SinkUnavailable` while a store is away. Letters that went to an URL or a
    function are not here.
    """

    def __init__(
        self, subscriptions: Callable[[], Iterable[Subscription]], context: Context
    ) -> None:
        self._subscriptions = subscriptions
        self._context = context

    async def letters(self, selection: Selection) -> AsyncGenerator[tuple[str, Letter], None]:
        """Yield the selected letters with the names of their stores, oldest first in each."""
        for subscription in self._places():
            async with self._store(subscription) as store, aclosing(store.letters()) as every:
                async for stored in every:
                    if selection.takes(stored.letter):
                        yield store.name, stored.letter

    async def purge(self, selection: Selection) -> int:
        """Remove the selected letters for good; return how many."""
        count = 0
        for subscription in self._places():
            async with self._store(subscription) as store:
                count += await _purge(store, selection)
        return count

    async def redrive(self, selection: Selection, rate: float, tell: Tell) -> None:
        """Have the selected letters delivered again, at most `rate` a second.

        Each goes to the function of its trigger under the policy of now, and leaves its store
        once the function has taken it. One that fails again stays as it is.
        """
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
            await tell(Result(id, "there is no such letter of a trigger that runs now"))

    def _places(self) -> Iterable[Subscription]:
        """Return one subscription for each place, though many may write to it."""
        found = {self._place(one): one for one in self._subscriptions()}
        found.pop(None, None)
        return found.values()

    def _place(self, subscription: Subscription) -> Hashable | None:
        """Name where the letters of `subscription` can be read; None for nowhere."""
        target = subscription.policy.dead_letter
        if target is None or target.kind not in ("file", "nats"):
            return None
        try:
            if target.kind == "file":
                return self._path(target)
            return target.target, server_of(subscription, self._context)
        except ConfigError:
            return None  # the subscription is refused with this very sentence

    @asynccontextmanager
    async def _store(self, subscription: Subscription) -> AsyncIterator[LetterStore]:
        target = subscription.policy.dead_letter
        assert target is not None
        if target.kind == "nats":
            server = server_of(subscription, self._context)
            async with aclosing(StreamLetters(target.target, server, self._context)) as stream:
                yield stream
            return
        async with AsyncExitStack() as stack:
            try:
                file = await stack.enter_async_context(borrow(self._path(target), self._context))
            except ConfigError as error:
                raise SinkUnavailable(str(error)) from error
            yield file

    def _path(self, target: DeadLetter) -> Path:
        return path_of(target.target, self._context.settings.dead_letters.folder)


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
