"""Which ticks are due, and what a tick says. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from gateway.core.event import CloudEvent
from tidegate.api.schedule import Schedule
from tidegate.api.subscription import CronSchedule, MissedRuns, Subscription

CATCH_UP_LIMIT = 100
"""Ticks fired at once after an absence, as in Kubernetes: more would be a flood."""

COUNT_LIMIT = 500
"""How far missed ticks are counted: a year of them would hold up the loop."""

EVENT_TYPE = "io.kubeless.cronjobtrigger.tick"


@dataclass(frozen=True, slots=True)
class Due:
    """The ticks of a span of time: those to fire, and how many are left out."""

    fire: Sequence[datetime]
    left_out: int
    counted: bool
    """False when `left_out` is where the counting stopped."""

    @property
    def left_out_text(self) -> str:
        return str(self.left_out) if self.counted else f"more than {self.left_out}"


def due(
    schedule: Schedule, spec: CronSchedule, since: datetime, now: datetime, punctual: timedelta
) -> Due:
    """Decide about the nominal times later than `since` and not later than `now`.

    Those of the last `punctual` are not missed, only a little late: they fire under every policy.
    The older ones fire by `missedRuns`. None fires that is older than the starting deadline.
    """
    passed = list(islice(schedule.until(since, now), COUNT_LIMIT + 1))
    counted = len(passed) <= COUNT_LIMIT
    recent = passed if counted else newest(schedule, passed[-1], now, CATCH_UP_LIMIT)
    fire = [at for at in recent if _fires(at, recent[-1], spec, now, punctual)][-CATCH_UP_LIMIT:]
    return Due(fire, len(passed) - len(fire) if counted else COUNT_LIMIT, counted)


def _fires(
    at: datetime, last: datetime, spec: CronSchedule, now: datetime, punctual: timedelta
) -> bool:
    age = now - at
    if spec.starting_deadline is not None and age.total_seconds() > spec.starting_deadline:
        return False
    if age < punctual or spec.missed_runs is MissedRuns.ALL:
        return True
    return spec.missed_runs is MissedRuns.LATEST and at == last


def newest(schedule: Schedule, since: datetime, until: datetime, count: int) -> list[datetime]:
    """Return the last `count` times in the span, oldest first, without walking all of it."""
    last = _last(schedule, since, until)
    if last is None:
        return []
    span = timedelta(minutes=1)
    while True:
        start = max(since, last - span)
        found = deque(schedule.until(start, last), count)
        if len(found) == count or start == since:
            return list(found)
        span *= 2


def _last(schedule: Schedule, since: datetime, until: datetime) -> datetime | None:
    """Return the last time in the span, by halving it."""
    found = None
    while (at := schedule.next(since)) <= until:
        found = since = at
        middle = since + (until - since) / 2
        if (later := schedule.next(middle)) <= until:
            found = since = later
        else:
            until = middle
    return found


def rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def tick_event(subscription: Subscription, nominal: datetime, recorded: datetime) -> CloudEvent:
    """Make the event of a nominal time: its id depends on the trigger and that time alone."""
    namespace, trigger = subscription.namespace, subscription.trigger
    spec = subscription.source
    assert isinstance(spec, CronSchedule)
    text = rfc3339(nominal)
    return CloudEvent(
        id=f"{subscription.uid or f'{namespace}/{trigger}'}/{text}",
        source=f"/apis/kubeless.io/v1beta1/namespaces/{namespace}/cronjobtriggers/{trigger}",
        type=EVENT_TYPE,
        subject=text,
        time=text,
        datacontenttype="application/json",
        extensions={"recordedtime": rfc3339(recorded)},
        data=spec.payload,
    )
