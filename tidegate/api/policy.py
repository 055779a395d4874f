"""The delivery policy of a trigger: what the user wrote over the defaults of the kind. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar, assert_never

from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.delivery import BatchSpec, DeadLetterSpec, Delivery
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.kafka_trigger import KafkaTrigger
from tidegate.api.kinds import Trigger
from tidegate.api.kinesis_trigger import KinesisTrigger
from tidegate.api.nats_trigger import NATSTrigger
from tidegate.api.subscription import Batch, DeadLetter, DeliveryPolicy, OnExhausted, Ordering

T = TypeVar("T")


def kind_policy(trigger: Trigger, timeout: float) -> DeliveryPolicy:
    """Return the policy of a trigger whose `delivery` block is empty."""
    match trigger:
        case HTTPTrigger():
            return DeliveryPolicy(retry=0, concurrency=256, timeout=timeout)
        case CronJobTrigger():
            return DeliveryPolicy(timeout=timeout)
        case NATSTrigger():
            keeps = trigger.spec.jetstream is not None
            on_exhausted = OnExhausted.PARK if keeps else OnExhausted.DROP
            return DeliveryPolicy(on_exhausted=on_exhausted, timeout=timeout)
        case KafkaTrigger() | KinesisTrigger():
            return DeliveryPolicy(ordering=Ordering.KEY, timeout=timeout)
        case _:
            assert_never(trigger)


def delivery_policy(trigger: Trigger, timeout: float) -> DeliveryPolicy:
    """Lay what the user wrote over the defaults of the trigger's kind."""
    wanted, base = trigger.spec.delivery, kind_policy(trigger, timeout)
    return replace(
        _with_retries(base, wanted),
        timeout=_or(wanted.timeout, base.timeout),
        max_age=wanted.max_age,
        dead_letter=_dead_letter(wanted.dead_letter),
        on_exhausted=_on_exhausted(wanted, base.on_exhausted),
        ordering=Ordering(wanted.ordering) if wanted.ordering else base.ordering,
        concurrency=_or(wanted.concurrency, base.concurrency),
        batch=_batch(wanted.batch),
    )


def _with_retries(base: DeliveryPolicy, wanted: Delivery) -> DeliveryPolicy:
    policy = replace(
        base,
        retry=_or(wanted.retry, base.retry),
        backoff=_or(wanted.backoff_policy, base.backoff),
        backoff_delay=_or(wanted.backoff_delay, base.backoff_delay),
        backoff_max=_or(wanted.backoff_max, base.backoff_max),
        jitter=_or(wanted.jitter, base.jitter),
    )
    if wanted.retry_on is None:
        return policy
    return replace(
        policy,
        retry_statuses=_statuses(wanted.retry_on),
        retry_connect="connect" in wanted.retry_on,
        retry_timeout="timeout" in wanted.retry_on,
    )


def _or(wanted: T | None, default: T) -> T:
    return default if wanted is None else wanted


def _statuses(reasons: Iterable[str]) -> frozenset[int]:
    found: set[int] = set()
    for reason in reasons:
        if reason.endswith("xx"):
            first = int(reason[0]) * 100
            found.update(range(first, first + 100))
        elif reason.isdigit():
            found.add(int(reason))
    return frozenset(found)


def _dead_letter(spec: DeadLetterSpec | None) -> DeadLetter | None:
    return None if spec is None else DeadLetter(*spec.destination)


def _on_exhausted(wanted: Delivery, default: OnExhausted) -> OnExhausted:
    if wanted.on_exhausted is not None:
        return OnExhausted(wanted.on_exhausted)
    return default if wanted.dead_letter is None else OnExhausted.DEAD_LETTER


def _batch(spec: BatchSpec | None) -> Batch | None:
    return None if spec is None else Batch(spec.max_events, spec.max_bytes, spec.max_wait)
