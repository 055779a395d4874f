"""One replay: its legs one after the other, each through a dispatcher of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.context import Context
from gateway.core.budget import Budget
from gateway.core.delivery import Delivery
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.errors import ConfigError, SourceUnavailable
from gateway.registry import dead_letter_sink, delivery_sink, news_of
from gateway.replay.answers import Answers, Remember, live_answers
from gateway.replay.log import Log
from gateway.replay.moments import written
from gateway.replay.pace import Pace
from gateway.replay.request import ReplayRequest
from gateway.replay.source import ReplaySource
from gateway.replay.tally import Tally
from tidegate.api.subscription import Subscription

logger = logging.getLogger(__name__)

TELLING = 1.0
"""Seconds between two lines of progress."""

Tell = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Leg:
    """The part of a replay that one function gets: what runs, and what it reads."""

    subscription: Subscription
    log: Callable[[], Log]
    rivals: tuple[str, ...]
    """The functions whose live answers its own are compared with."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, under a name."""

    id: str
    request: ReplayRequest
    legs: Sequence[Leg]


class Replay:
    """Delivers what the legs' logs hold, and counts what becomes of it.

    It has its own place in nobody's books: the live trigger's position, leases, metrics and
    statuses are as they would be without it.
    """

    def __init__(self, plan: Plan, context: Context, remember: Remember) -> None:
        self.id = plan.id
        self._request = request = plan.request
        self._legs = legs = plan.legs
        self._context = context
        self._remember = remember
        self._answers: Answers = {}
        self._pace = Pace(request.rate)
        self._tallies = [Tally(leg.subscription.function) for leg in legs]
        self._log: Log | None = None
        self._progress = Progress()
        self._last = ""
        self._leg = 1

    async def run(self, tell: Tell) -> None:
        """Return when every event has ended; `tell` of the progress, and of the report at last.

        Cancelled, or left by whom it tells, it ends at once, and what is under way with it.
        """
        name = f"{self.id} of {self._request.namespace}/{self._request.trigger}"
        logger.info("%s: begins", name)
        running = asyncio.create_task(self._deliver(), name=name)
        error, away = "", False
        try:
            await tell(self._state())
            while not (await asyncio.wait([running], timeout=TELLING))[0]:
                await tell(self._state())
            running.result()
        except (ConfigError, SourceUnavailable) as reason:
            error, away = str(reason), isinstance(reason, SourceUnavailable)
        finally:
            ended = "ended" if running.done() else "was cut off"
            running.cancel()
            await asyncio.wait([running])
            logger.info("%s: %s with %s", name, ended, self._sentence(error))
        await tell({"report": self._report(error, away)})

    async def _deliver(self) -> None:
        request = self._request
        if request.compare and not request.from_dead_letters:
            self._answers = await live_answers(request, self._remember)
        pairs = zip(self._legs, self._tallies, strict=True)
        for self._leg, (leg, tally) in enumerate(pairs, start=1):
            await self._deliver_leg(leg, tally)

    async def _deliver_leg(self, leg: Leg, tally: Tally) -> None:
        def read(delivery: Delivery) -> None:
            tally.read += 1
            self._last = delivery.event.time or self._last

        def settled(delivery: Delivery, noted: int | None) -> None:
            live = self._live(leg, delivery.event.id) if noted is None else noted
            tally.settled(delivery, live if self._request.compare else None)

        subscription, context = leg.subscription, self._context
        self._log, self._progress = leg.log(), Progress()
        source = ReplaySource(self._log, self.id, self._pace, read, settled)
        dead_letter = dead_letter_sink(subscription, context)
        sink = delivery_sink(subscription, context)
        route = Route(source, sink, dead_letter, news_of(subscription, context))
        try:
            await Dispatcher(subscription, route, self._progress, self._limits()).run()
        finally:
            await sink.close()
            if dead_letter is not None:
                await dead_letter.close()

    def _live(self, leg: Leg, event: str) -> int | None:
        known = (self._answers.get((rival, event)) for rival in leg.rivals)
        return next((status for status in known if status is not None), None)

    def _limits(self) -> Limits:
        limits = self._context.settings.limits
        # A budget of its own: what a replay holds must take no memory from live triggers.
        budget = Budget(limits.queued_bytes)
        return Limits(limits.queued_events, limits.queued_bytes, 0.0, budget)

    def _state(self) -> dict[str, Any]:
        """Return how far it is. Field names are stable."""
        log = self._log
        return {
            "replay": self.id,
            **self._sums(),
            "inFlight": self._progress.books.in_flight,
            "position": self._last,
            "passed": 0 if log is None else log.passed,
            "total": None if log is None else log.total,
            "leg": self._leg,
            "legs": len(self._legs),
            "breaker": self._progress.breaker,
            "lastError": self._progress.last_error,
        }

    def _report(self, error: str, away: bool) -> dict[str, Any]:
        """Return how it went; `away` says that the log's broker was. Field names are stable."""
        request = self._request
        return {
            "replay": self.id,
            "namespace": request.namespace,
            "trigger": request.trigger,
            "from": written(request.window.start),
            "to": written(request.window.end),
            **self._sums(),
            "compare": request.compare,
            "functions": [tally.row() for tally in self._tallies],
            "error": error,
            "unavailable": away,
        }

    def _sums(self) -> dict[str, int]:
        rows = [tally.counts() for tally in self._tallies]
        return {name: sum(row[name] for row in rows) for name in rows[0]}

    def _sentence(self, error: str) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self._sums().items())
        return counts + (f"; {error}" if error else "")
