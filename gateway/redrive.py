"""Delivers dead letters again, to the function that failed, under the policy of now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from gateway.context import Context
from gateway.core.dead_letter import Letter
from gateway.core.decisions import Decisions
from gateway.core.delivery import Delivery, Outcome
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.core.source import Intake
from gateway.errors import SinkUnavailable, SourceUnavailable
from gateway.letters.selection import Selection
from gateway.letters.store import REMOVED_AT_ONCE, LetterStore, Stored
from gateway.registry import delivery_sink
from tidegate.api.subscription import Ordering, Subscription

RETRIES = 10
"""Of a redrive under a policy that tries without end: somebody waits for this one to end."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one letter. `error` is empty when it was delivered and removed.

    `unknown` says that no trigger that runs here has written it.
    """

    id: str
    error: str = ""
    unknown: bool = False


Tell = Callable[[Result], Awaitable[None]]


class Redrive:
    """Delivers the letters of one subscription again, through a dispatcher of its own."""

    def __init__(self, subscription: Subscription, store: LetterStore, context: Context) -> None:
        self._subscription = subscription
        self._store = store
        self._context = context

    async def run(self, selection: Selection, rate: float, tell: Tell) -> None:
        """Return when every selected letter was delivered or has failed again."""
        id = self._subscription.id
        source = LetterSource(
            self._store,
            lambda letter: letter.subscription == id and selection.takes(letter),
            1 / rate,
        )
        policy = self._subscription.policy
        subscription = replace(
            self._subscription,
            filters=(),
            policy=replace(
                policy,
                retry=policy.retry if policy.retry >= 0 else RETRIES,
                max_age=None,
                ordering=Ordering.NONE,
            ),
        )
        sink = delivery_sink(subscription, self._context)
        limits = Limits(events=max(policy.concurrency, REMOVED_AT_ONCE), drain_timeout=0.0)
        # Nobody can ask for these decisions, and what is noted of a letter has its payload with it.
        progress = Progress(decisions=Decisions(room=0))
        dispatcher = Dispatcher(subscription, Route(source, sink), progress, limits)
        running = asyncio.create_task(dispatcher.run(), name=f"{id}: redrive")
        running.add_done_callback(lambda _: source.wake())
        try:
            while not running.done() or source.ended:
                await self._settle(await source.some(), tell)
            running.result()
        except SourceUnavailable as error:
            raise SinkUnavailable(str(error)) from error
        finally:
            running.cancel()
            await asyncio.wait([running])
            await sink.close()

    async def _settle(self, ended: list[Delivery], tell: Tell) -> None:
        """Remove what was delivered, then tell of each."""
        delivered = [_stored(one) for one in ended if one.outcome is Outcome.DELIVERED]
        if delivered:
            await self._store.remove(delivered)
        for one in ended:
            error = "" if one.outcome is Outcome.DELIVERED else str(one.last_error or "stopped")
            await tell(Result(_stored(one).letter.id, error))


class LetterSource:
    """Reads letters as a source. A person waits for each, so that none waits without end."""

    redelivers = False
    watched = False

    def __init__(
        self, store: LetterStore, wanted: Callable[[Letter], bool], interval: float
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._interval = interval
        self._out = 0
        self._change = asyncio.Event()
        self.ended: list[Delivery] = []

    async def run(self, intake: Intake) -> None:
        """See `Source.run`. Ends when every letter has ended."""
        try:
            async with aclosing(self._store.letters()) as letters:
                async for stored in letters:
                    if self._wanted(stored.letter):
                        await self._push(stored, intake)
        except SinkUnavailable as error:
            raise SourceUnavailable(str(error)) from error
        while self._out:
            self._change.clear()
            await self._change.wait()

    async def close(self) -> None:
        """See `Source.close`: the store is not ours."""

    async def some(self) -> list[Delivery]:
        """Return what has ended since the last call; nothing when woken in vain."""
        if not self.ended:
            self._change.clear()
            await self._change.wait()
        some, self.ended = self.ended[:REMOVED_AT_ONCE], self.ended[REMOVED_AT_ONCE:]
        return some

    def wake(self) -> None:
        """End the waiting of `some`."""
        self._change.set()

    async def _push(self, stored: Stored, intake: Intake) -> None:
        if intake.credit <= 0:
            await intake.room()
        delivery = Delivery(stored.letter.event, self._settled, stored)
        delivery.call = self  # a person waits
        self._out += 1
        intake.push([delivery])
        await asyncio.sleep(self._interval)  # the rate that was asked for

    def _settled(self, delivery: Delivery) -> None:
        self._out -= 1
        self.ended.append(delivery)
        self._change.set()


def _stored(delivery: Delivery) -> Stored:
    stored = delivery.position
    assert isinstance(stored, Stored)
    return stored
