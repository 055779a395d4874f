"""What a cron trigger keeps across restarts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.sources.cron.ticks import rfc3339
from tidegate.api.subscription import CronSchedule, Subscription


@dataclass(frozen=True, slots=True)
class Record:
    """Every nominal time up to `decided` was decided about; those in `unsettled` still run.

    `plan` is the schedule that was decided by: times of another one were never promised.
    """

    uid: str
    plan: str
    decided: datetime
    unsettled: tuple[datetime, ...] = ()

    def to_text(self) -> str:
        return json.dumps(
            {
                "uid": self.uid,
                "plan": self.plan,
                "decided": self.decided.isoformat(),
                "unsettled": [rfc3339(at) for at in self.unsettled],
            }
        )


def record_from_text(text: str) -> Record:
    """Read what `to_text` wrote. Raises `ValueError` for anything else."""
    try:
        kept = json.loads(text)
        return Record(
            uid=str(kept["uid"]),
            plan=str(kept["plan"]),
            decided=_moment(kept["decided"]),
            unsettled=tuple(_moment(at) for at in kept["unsettled"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the record lacks {error}") from error


def record_of(
    subscription: Subscription, decided: datetime, unsettled: Iterable[datetime]
) -> Record:
    """Make the record of a subscription as it runs now."""
    return Record(subscription.uid, _plan(subscription), decided, tuple(sorted(unsettled)))


def _plan(subscription: Subscription) -> str:
    """Say which times are decided about. A suspended trigger promises none."""
    spec = subscription.source
    assert isinstance(spec, CronSchedule)
    return "suspended" if spec.suspend else f"{spec.schedule} [{spec.time_zone or 'UTC'}]"


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone")
    return at
