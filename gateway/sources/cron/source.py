"""The source of one CronJobTrigger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from gateway.context import Context
from gateway.core.delivery import Delivery, Outcome
from gateway.core.source import Intake
from gateway.errors import ConfigError, GatewayError
from gateway.sources.cron.record import Record, record_from_text, record_of
from gateway.sources.cron.ticks import CATCH_UP_LIMIT, Due, due, rfc3339, tick_event
from gateway.sources.cron.timer import Timer, close_timer, open_timer
from tidegate.api.schedule import Schedule, ScheduleError, parse
from tidegate.api.subscription import (
    ConcurrencyPolicy,
    CronSchedule,
    MissedRuns,
    Subscription,
)

logger = logging.getLogger(__name__)

LEDGER_NAME = "ticks"

PUNCTUAL = timedelta(seconds=60)
"""A tick that is no older was held up rather than missed: the timer may be 30 s late itself."""

UNSETTLED_LIMIT = 100
"""Ticks of one trigger that may run at once; the next one waits. Bounds the record, too."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class CronSource:
    """Pushes a tick at each nominal time of the schedule: at least once, always with the same id.

    A tick is written to the ledger before it is pushed and taken out when it is settled, so one
    that was under way when the process died comes again. Times that passed while nobody ran are
    caught up by `missedRuns`; those of a suspended trigger and of another schedule are not.
    """

    redelivers = True
    watched = False

    def __init__(
        self,
        subscription: Subscription,
        context: Context,
        *,
        now: Callable[[], datetime] = utc_now,
        opener: Callable[[], Awaitable[Timer]] = open_timer,
    ) -> None:
        if not isinstance(subscription.source, CronSchedule):
            raise TypeError(f"{subscription.id}: its source is not a cron schedule")
        self._subscription = subscription
        self._spec = subscription.source
        self._context = context
        self._now = now
        self._opener = opener
        self._wake = asyncio.Event()
        self._decided: datetime | None = None
        self._unsettled: dict[datetime, Delivery | None] = {}
        self._written = ""

    async def run(self, intake: Intake) -> None:
        """See `Source.run`."""
        schedule = await self._parse()
        async with self._context.shared.use("cron timer", self._opener, close_timer) as timer:
            decided = await self._recover(schedule)
            intake.polled()
            if self._spec.suspend:
                await asyncio.Event().wait()
            while True:
                self._wake.clear()
                decided = self._decide(schedule, decided)
                await self._write()
                await self._push_waiting(intake)
                if not self._wake.is_set():
                    await self._sleep(timer, schedule.next(max(decided, self._now())))

    async def close(self) -> None:
        """See `Source.close`."""
        try:
            await self._write()
            await self._context.ledger.release(self._subscription.id)
        except GatewayError as error:
            logger.warning("%s: ticks may come again: %s", self._subscription.id, error)

    async def _parse(self) -> Schedule:
        text, zone = self._spec.schedule, self._spec.time_zone
        try:
            if zone is None and "TZ=" not in text:
                return parse(text).anchored()
            # A zone is read from the disk.
            return (await asyncio.to_thread(parse, text, zone)).anchored()
        except ScheduleError as error:
            raise ConfigError(f"{self._subscription.id}: {error}") from error

    # The ledger.

    async def _recover(self, schedule: Schedule) -> datetime:
        """Take up where the ledger says, and return up to when all is decided."""
        now = self._now()
        kept, fresh = await self._read(), record_of(self._subscription, now, ())
        if kept is None or kept.uid != fresh.uid:
            kept = fresh
        self._unsettled = dict.fromkeys(kept.unsettled)
        self._decided = kept.decided if kept.plan == fresh.plan else now
        if self._decided > now + PUNCTUAL:
            logger.warning(
                "%s: ticks up to %s are done, but the clock says %s; none comes before it gets "
                "there (a change of the schedule starts anew)",
                self._subscription.id,
                rfc3339(self._decided),
                rfc3339(now),
            )
        decided = self._decide(schedule, self._decided, punctual=timedelta())
        await self._write()
        return decided

    async def _read(self) -> Record | None:
        text = await self._context.ledger.get(self._subscription.id, LEDGER_NAME)
        try:
            return None if text is None else record_from_text(text)
        except ValueError as error:
            logger.error(  # noqa: TRY400  # the sentence says it; a traceback adds nothing
                "%s: its ticks start anew, since their record cannot be read: %s",
                self._subscription.id,
                error,
            )
            return None

    async def _write(self) -> None:
        """Bring the ledger up to date; nothing when it is."""
        if self._decided is None:
            return
        text = record_of(self._subscription, self._decided, self._unsettled).to_text()
        if text != self._written:
            await self._context.ledger.put(self._subscription.id, LEDGER_NAME, text)
            self._written = text

    # Deciding.

    def _decide(
        self, schedule: Schedule, decided: datetime, punctual: timedelta = PUNCTUAL
    ) -> datetime:
        """Choose what fires of the times that came after `decided`; return up to when it did."""
        now = self._now()
        if now <= decided or self._spec.suspend:
            return decided
        ticks = due(schedule, self._spec, decided, now, punctual)
        if not ticks.fire and not ticks.left_out:
            return decided
        self._report(ticks)
        if self._spec.concurrency_policy is ConcurrencyPolicy.FORBID and self._running():
            logger.info(
                "%s: skipped %d ticks up to %s: the one before is not settled (Forbid)",
                self._subscription.id,
                len(ticks.fire),
                rfc3339(now),
            )
        else:
            self._unsettled.update(dict.fromkeys(ticks.fire))
        self._decided = now.replace(microsecond=0)
        return self._decided

    def _report(self, ticks: Due) -> None:
        if not ticks.left_out:
            return
        flood = self._spec.missed_runs is MissedRuns.ALL and len(ticks.fire) == CATCH_UP_LIMIT
        logger.log(
            logging.ERROR if flood else logging.WARNING,
            "%s: %s missed ticks are not fired, %d are (missedRuns: %s, startingDeadlineSeconds: "
            "%s, at most %d at once)",
            self._subscription.id,
            ticks.left_out_text,
            len(ticks.fire),
            self._spec.missed_runs.value,
            self._spec.starting_deadline,
            CATCH_UP_LIMIT,
        )

    # Pushing.

    async def _push_waiting(self, intake: Intake) -> None:
        """Push what is decided and not out, in order, as policy and intake have room."""
        for nominal in sorted(at for at, out in self._unsettled.items() if out is None):
            await self._turn(intake)
            while intake.credit <= 0:
                await intake.room()
            event = tick_event(self._subscription, nominal, self._now())
            delivery = Delivery(event, self._settled, position=nominal)
            self._unsettled[nominal] = delivery
            intake.known(fired=rfc3339(nominal))
            intake.push([delivery])
        intake.polled()

    async def _turn(self, intake: Intake) -> None:
        """Return when one more tick may run."""
        policy = self._spec.concurrency_policy
        limit = UNSETTLED_LIMIT if policy is ConcurrencyPolicy.ALLOW else 1
        if policy is ConcurrencyPolicy.REPLACE:
            for delivery in self._running():
                logger.info("%s: replaced %s", self._subscription.id, delivery.event.subject)
                intake.cancel(delivery)
        while len(self._running()) >= limit:
            self._wake.clear()
            await self._wake.wait()

    def _running(self) -> list[Delivery]:
        return [delivery for delivery in self._unsettled.values() if delivery is not None]

    def _settled(self, delivery: Delivery) -> None:
        nominal = delivery.position
        assert isinstance(nominal, datetime)
        if delivery.outcome is Outcome.RELEASED:
            self._unsettled[nominal] = None
        else:
            del self._unsettled[nominal]
        self._wake.set()

    async def _sleep(self, timer: Timer, until: datetime) -> None:
        cancel = timer.at(until, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            cancel()
