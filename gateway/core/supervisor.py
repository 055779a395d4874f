"""Keeps the running dispatchers equal to the wanted subscriptions."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from gateway.core.decisions import Decisions, Pending
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress, State
from gateway.core.recollection import Question, Recollection
from gateway.core.route import Limits, Route
from gateway.errors import ConfigError, SourceUnavailable
from tidegate.api.subscription import Subscription

logger = logging.getLogger(__name__)

STEADY = 60.0
"""Seconds of work after which a new failure counts as the first."""

FEWEST_DECISIONS = 16
"""That are remembered of each subscription, however many there are."""


@dataclass(frozen=True, slots=True)
class Restarts:
    """How failed subscriptions are started again. Seconds."""

    delay: float = 0.5
    delay_max: float = 30.0
    stall_timeout: float = 90.0

    def wait(self, failures: int) -> float:
        """Return the delay after `failures` in a row, with jitter so that not all come at once."""
        return min(self.delay * 2.0 ** min(failures - 1, 16), self.delay_max) * (
            0.8 + 0.4 * random.random()
        )


@dataclass(slots=True)
class _Entry:
    """One subscription under care."""

    wanted: Subscription | None
    progress: Progress
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    dispatcher: Dispatcher | None = None
    failures: int = 0


class Supervisor:
    """Starts, restarts and stops one dispatcher per subscription; no failure crosses over.

    A changed subscription drains the old dispatcher before the new one reads. What fails is tried
    again with a growing delay; a user's mistake (`ConfigError`) at the longest delay at once, since
    it may be mended elsewhere (a stream created, a user allowed), and at each change.
    `build` makes the adapters of a subscription; it may raise `ConfigError`.
    """

    def __init__(
        self,
        build: Callable[[Subscription], Route],
        limits: Limits | None = None,
        restarts: Restarts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._build = build
        self._limits = limits or Limits()
        self._restarts = restarts or Restarts()
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._group: asyncio.TaskGroup | None = None
        self._settled = asyncio.Event()
        self._stopping = asyncio.Event()

    def want(self, subscriptions: Iterable[Subscription]) -> None:
        """Make `subscriptions` the ones that run, from now on. Returns at once.

        After `stop` nothing is wanted any more, whatever a late change says.
        """
        if self._stopping.is_set():
            return
        wanted = {subscription.id: subscription for subscription in subscriptions}
        for key, entry in self._entries.items():
            self._tell(entry, wanted.pop(key, None))
        for key, subscription in wanted.items():
            decisions = Decisions(self._limits.decisions)
            progress = Progress(clock=self._clock, decisions=decisions)
            self._entries[key] = _Entry(subscription, progress)
            self._start(key)
        self._share_memory()

    def _share_memory(self) -> None:
        """Remember less of each where there are many, so that all together stay bounded."""
        limits = self._limits
        fair = limits.total_decisions // max(len(self._entries), 1)
        room = max(min(limits.decisions, fair), FEWEST_DECISIONS)
        for entry in self._entries.values():
            entry.progress.decisions.resize(room)

    def progress(self) -> Iterator[tuple[Subscription, Progress]]:
        """Yield every wanted subscription with its progress. May be called from other threads."""
        for entry in list(self._entries.values()):  # a scrape's thread must not see it change
            if entry.wanted is not None:
                yield entry.wanted, entry.progress

    def recollect(self, question: Question) -> Iterator[tuple[Recollection, Iterable[Pending]]]:
        """Yield what is remembered of each subscription in question, and what it holds now."""
        for entry in self._entries.values():
            if entry.wanted is not None and question.about(entry.wanted):
                held = entry.dispatcher.pending() if entry.dispatcher is not None else ()
                yield Recollection(entry.wanted, entry.progress), held

    def resume(self, namespace: str, function: str) -> None:
        """Begin anew with what is parked for `function`: it has been mended."""
        for entry in self._entries.values():
            wanted = entry.wanted
            if wanted is None or (wanted.namespace, wanted.function) != (namespace, function):
                continue
            if entry.dispatcher is not None:
                entry.dispatcher.resume()

    async def run(self) -> None:
        """Work until `stop`; returns when every dispatcher has drained."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for key in self._entries:
                self._start(key)
            watchdog = group.create_task(self._watch(), name="watchdog")
            await self._stopping.wait()
            while self._entries:
                self._settled.clear()
                await self._settled.wait()
            watchdog.cancel()
        self._group = None

    def stop(self) -> None:
        """Drain everything; `run` returns when that is done."""
        self.want(())
        self._stopping.set()

    def _start(self, key: str) -> None:
        if self._group is not None:
            self._group.create_task(self._keep(key), name=f"{key}: supervision")

    def _tell(self, entry: _Entry, wanted: Subscription | None) -> None:
        """Pass a change on; an equal subscription is no change."""
        if entry.wanted == wanted:
            return
        entry.wanted = wanted
        entry.changed.set()
        if entry.dispatcher is not None:
            entry.dispatcher.stop()

    async def _keep(self, key: str) -> None:
        """Serve one subscription until it is no longer wanted."""
        entry = self._entries[key]
        while (subscription := entry.wanted) is not None:
            entry.changed.clear()
            started = self._clock()
            try:
                await self._serve(entry, subscription)
            except ConfigError as error:
                self._refuse(entry, key, error)
                await _changed(entry, self._restarts.delay_max)
            except Exception as error:  # noqa: BLE001 - one of the two boundaries (see style)
                entry.failures = 1 if self._clock() - started > STEADY else entry.failures + 1
                await self._back_off(entry, key, error)
            else:
                await self._rest(entry)
        del self._entries[key]
        self._settled.set()

    async def _serve(self, entry: _Entry, subscription: Subscription) -> None:
        """Build and run one dispatcher to its end."""
        entry.progress.state = State.STARTING
        entry.progress.last_polled = self._clock()
        route = self._build(subscription)
        entry.progress.watched = route.source.watched
        try:
            entry.dispatcher = Dispatcher(subscription, route, entry.progress, self._limits)
            await entry.dispatcher.run()
        finally:
            entry.dispatcher = None
            await _close(route)

    def _refuse(self, entry: _Entry, key: str, error: ConfigError) -> None:
        """Say what the user must mend; once, though it is looked at again and again."""
        if entry.progress.reason != str(error):
            logger.error("%s: refused: %s", key, error)
        entry.progress.state, entry.progress.reason = State.REFUSED, str(error)

    async def _back_off(self, entry: _Entry, key: str, error: Exception) -> None:
        """Wait before the next start; a change ends the wait."""
        delay = self._restarts.wait(entry.failures)
        entry.progress.state, entry.progress.reason = State.BACKING_OFF, _sentence(error)
        entry.progress.restarts += 1
        expected = isinstance(error, SourceUnavailable)
        message = "%s: trying again in %.1f s: %s"
        logger.log(
            logging.WARNING if expected else logging.ERROR,
            message,
            key,
            delay,
            entry.progress.reason,
            exc_info=None if expected else error,
        )
        await _changed(entry, delay)

    async def _rest(self, entry: _Entry) -> None:
        """Wait for a change after a source that has come to its end; it may be what ended it."""
        entry.failures = 0
        entry.progress.state = State.STOPPED
        await entry.changed.wait()

    async def _watch(self) -> None:
        """Make anew what is alive but hears nothing from its broker."""
        stall = self._restarts.stall_timeout
        while True:
            await asyncio.sleep(stall / 4)
            for entry in self._entries.values():
                if entry.progress.watched and entry.dispatcher and entry.progress.silence() > stall:
                    silence = f"no word from the broker for {entry.progress.silence():.0f} s"
                    entry.dispatcher.stop(SourceUnavailable(silence))


async def _close(route: Route) -> None:
    """Close both sinks, whatever becomes of the first."""
    try:
        await route.sink.close()
    finally:
        if route.dead_letter is not None:
            await route.dead_letter.close()


async def _changed(entry: _Entry, delay: float) -> None:
    """Wait for a change, but no longer than `delay`."""
    try:
        async with asyncio.timeout(delay):
            await entry.changed.wait()
    except TimeoutError:
        pass


def _sentence(error: Exception) -> str:
    """Return what `error` says; of a group, what its first member says."""
    if isinstance(error, ExceptionGroup):
        return _sentence(error.exceptions[0])
    return str(error) or type(error).__name__
