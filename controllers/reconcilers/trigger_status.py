"""What the status of a trigger says. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from controllers.conditions import READY, Condition, Truth, condition_in, stated
from controllers.reconcilers.judgement import Judgement
from controllers.report import Report
from tidegate.kube.objects import Object

SECRET_FOUND = "SecretFound"
PUBLISHED = "Published"
SCHEDULED = "Scheduled"
DELIVERING = "Delivering"

_NOT_REPORTED = (
    "no replica of the gateway has told of it yet; if that lasts, look whether the gateway runs "
    "and whether its admin port can be reached"
)
_FROM_GATEWAYS = ("assignedReplicas", "usableReplicas", "lag", "lastEvent", "lastError")


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the objects of a trigger."""

    conditions: tuple[Condition, ...] = ()
    url: str = ""
    delivered: bool = True
    """Whether the gateway takes part, and so tells of it."""
    fired: str = ""
    """The last time that a CronJob fired; empty when none has, or none is there."""
    after: float | None = None
    """Seconds until it should be looked at again."""


class Need(Enum):
    """Whether a trigger names Secrets, and for whom."""

    NONE = "none"
    GATEWAY = "gateway"
    """Without it nothing is delivered."""

    INGRESS = "ingress"
    """Gateways may not be allowed to look; then nothing is said."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one trigger."""

    judgement: Judgement
    made: Made = Made()
    report: Report | None = None
    """What gateways tell; None when none tells anything."""
    asked: bool = False
    """Whether gateways were asked since this process began; until then what was told stands."""
    needs_secret: Need = Need.NONE


def trigger_status(trigger: Object, before: Object, seen: Seen, now: datetime) -> Object:
    """Return what the status of `trigger` shall say, after `before`."""
    generation = trigger["metadata"].get("generation", 0)
    conditions = list(_conditions(seen, before))
    return {
        "observedGeneration": generation,
        "conditions": stated([_ready(conditions), *conditions], before, generation, now),
        "functions": list(seen.judgement.functions),
        **_made(seen, before),
        **_told(seen, before),
    }


def _conditions(seen: Seen, before: Object) -> Iterator[Condition]:
    judgement = seen.judgement
    yield judgement.accepted
    yield judgement.function_found
    secret = _secret_found(seen, before)
    if secret is not None:
        yield secret
    yield from seen.made.conditions
    if judgement.is_accepted and seen.made.delivered:
        yield _delivering(seen, before)


def _ready(conditions: list[Condition]) -> Condition:
    """Sum up: what is not so counts before what is not known."""
    for truth in (Truth.FALSE, Truth.UNKNOWN):
        for each in conditions:
            if each.status is truth:
                return Condition(READY, truth, each.reason, each.message)
    return Condition(READY, Truth.TRUE, "Working")


def _secret_found(seen: Seen, before: Object) -> Condition | None:
    """The gateway looks for Secrets; the controllers may not."""
    if seen.needs_secret is Need.NONE:
        return None
    missing = None if seen.report is None else seen.report.missing_secrets
    if missing:
        message = f"there is no Secret {', '.join(missing)} in this namespace; create it"
        return Condition(SECRET_FOUND, Truth.FALSE, "NotFound", message)
    if missing is not None:
        return Condition(SECRET_FOUND, Truth.TRUE, "Found")
    kept = None if seen.asked and seen.report is None else _as_before(before, SECRET_FOUND)
    if kept is not None or seen.needs_secret is Need.INGRESS:
        return kept
    return Condition(SECRET_FOUND, Truth.UNKNOWN, "NotReported", _NOT_REPORTED)


def _delivering(seen: Seen, before: Object) -> Condition:
    report = seen.report
    if report is None:
        kept = None if seen.asked else _as_before(before, DELIVERING)
        return kept or Condition(DELIVERING, Truth.UNKNOWN, "NotReported", _NOT_REPORTED)
    if report.has_trouble:
        return Condition(DELIVERING, Truth.FALSE, report.reason, report.trouble)
    truth = Truth.TRUE if report.is_running else Truth.UNKNOWN
    return Condition(DELIVERING, truth, report.reason, report.trouble)


def _as_before(before: Object, kind: str) -> Condition | None:
    said = condition_in(before, kind)
    if not said:
        return None
    truth = Truth(said.get("status", Truth.UNKNOWN.value))
    return Condition(kind, truth, said.get("reason", ""), said.get("message", ""))


def _made(seen: Seen, before: Object) -> Object:
    made, told = seen.made, "" if seen.report is None else seen.report.fired
    fired = max(made.fired, told, before.get("lastScheduleTime", ""))
    url = made.url or ("" if seen.judgement.is_accepted else before.get("url", ""))
    return {
        **({"url": url} if url else {}),
        **({"lastScheduleTime": fired} if fired else {}),
    }


def _told(seen: Seen, before: Object) -> Object:
    if not seen.made.delivered:
        return {}
    report = seen.report
    if report is None:
        return {name: before[name] for name in _FROM_GATEWAYS if name in before}
    known = {
        "usableReplicas": report.parts or before.get("usableReplicas"),
        "lag": report.lag,
        "lastEvent": report.last_event or before.get("lastEvent"),
        "lastError": report.last_error or None,
    }
    told = {name: value for name, value in known.items() if value is not None}
    return {"assignedReplicas": report.replicas, **told}
