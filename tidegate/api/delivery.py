"""The `delivery` block of every trigger: how hard the gateway tries, and what comes after."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from tidegate.api.filters import filter_mistakes
from tidegate.api.model import Mistake, Model, rules
from tidegate.api.problem import quoted, shown
from tidegate.api.scalars import (
    DnsName,
    Duration,
    PositiveDuration,
    Size,
    url_without_credentials,
)
from tidegate.api.subjects import nats_subject, topic_name

RETRY_ON = re.compile(r"connect|timeout|[3-5]\d\d|[3-5]xx", re.ASCII)


def _retry_reason(value: object) -> str:
    text = str(value) if isinstance(value, str | int) else ""
    if isinstance(value, bool) or RETRY_ON.fullmatch(text) is None:
        fix = "list connect, timeout, a status such as 503 or a class such as 5xx; 2xx is success"
        raise Mistake(f"{shown(value)} is no reason to try again", fix).error()
    return text


RetryReason = Annotated[
    str,
    BeforeValidator(_retry_reason),
    WithJsonSchema({"x-kubernetes-int-or-string": True}),
]
Filter = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]


DeadLetterKind = Literal["kafka", "nats", "http", "function", "file"]


class DeadLetterSpec(Model):
    """Where an event goes that cannot be delivered. Exactly one of the fields."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.kafka), has(self.nats), has(self.http), has(self.function), "
                "has(self.file)].exists_one(one, one)",
                "set exactly one of kafka, nats, http, function or file",
            ),
        )
    )

    kafka: Annotated[str, topic_name] | None = None
    """A Kafka topic."""
    nats: Annotated[str, AfterValidator(nats_subject)] | None = None
    """A NATS subject, without wildcards."""
    http: Annotated[str, AfterValidator(url_without_credentials(("http", "https")))] | None = None
    """An URL that takes the event as a POST."""
    function: DnsName | None = None
    """A function of the same namespace."""
    file: Annotated[str, Field(min_length=1)] | None = None
    """A file that is appended to. On a laptop only."""

    def mistakes(self) -> Iterable[Mistake]:
        """One destination, and one that can be written to."""
        if len(self.destinations()) != 1:
            fix = "set exactly one of kafka, nats, http, function or file"
            yield Mistake(f"names {len(self.destinations())} destinations", fix)
        if self.nats and not {"*", ">"}.isdisjoint(self.nats.split(".")):
            fix = "write the one subject that dead letters go to"
            yield Mistake(f"{quoted(self.nats)} has wildcards", fix, ("nats",))

    def destinations(self) -> list[tuple[DeadLetterKind, str]]:
        """Return what is set, as kinds and targets."""
        every: tuple[tuple[DeadLetterKind, str | None], ...] = (
            ("kafka", self.kafka),
            ("nats", self.nats),
            ("http", self.http),
            ("function", self.function),
            ("file", self.file),
        )
        return [(kind, target) for kind, target in every if target is not None]

    @property
    def destination(self) -> tuple[DeadLetterKind, str]:
        """The one destination."""
        return self.destinations()[0]


class BatchSpec(Model):
    """Several events in one call, as a CloudEvents batch."""

    max_events: Annotated[int, Field(ge=1, le=10_000)] = 100
    """The most events of one call."""
    max_bytes: Size = 1024 * 1024
    """The most bytes of one call."""
    max_wait: Duration = 1.0
    """How long an event waits for others to come."""


class Delivery(Model):
    """How hard the gateway tries to deliver. What is absent has the default of the trigger's kind.

    An HTTPTrigger makes one attempt and takes 256 calls at a time, because its caller waits and
    is told how it went. A NATSTrigger without `jetstream` drops what it cannot deliver, because
    the broker keeps nothing. Kafka and Kinesis keep the order of each key.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.onExhausted) || "
                "(self.onExhausted == 'deadLetter') == has(self.deadLetter)",
                "onExhausted and deadLetter disagree; onExhausted: deadLetter needs deadLetter, "
                "and others leave it unused",
            ),
        )
    )

    retry: Annotated[int, Field(ge=-1, le=1_000_000)] | None = None
    """Attempts after the first; -1 is until it succeeds. Default 10, and 0 for HTTP."""
    backoff_policy: Literal["exponential", "linear"] | None = None
    """How the delay between attempts grows. Default exponential."""
    backoff_delay: Duration | None = None
    """The delay before the second attempt. Default 200ms."""
    backoff_max: PositiveDuration | None = None
    """The longest delay; it caps Retry-After, too. Default 60s."""
    jitter: Annotated[float, Field(ge=0, le=1)] | None = None
    """The random part of each delay. Default 0.2."""
    timeout: PositiveDuration | None = None
    """The deadline of each attempt. Default the function's timeout."""
    retry_on: Annotated[tuple[RetryReason, ...], Field(strict=False)] | None = None
    """What is tried again: connect, timeout, statuses and classes of them.
    Default connect, timeout, 408, 425, 429 and 5xx."""
    max_age: PositiveDuration | None = None
    """An event older than this is not attempted. Default no limit."""
    dead_letter: Annotated[DeadLetterSpec | None, Field(examples=[{"nats": "dead"}])] = None
    """Where an event goes that cannot be delivered."""
    on_exhausted: Literal["deadLetter", "park", "drop"] | None = None
    """What happens after the last attempt. Default deadLetter when that is set, else park;
    drop for a NATSTrigger without jetstream."""
    ordering: Literal["partition", "key", "none"] | None = None
    """Which events wait for each other. Default key for Kafka and Kinesis, else none."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Events in flight at a time. Default 16, and 256 for HTTP."""
    batch: BatchSpec | None = None
    """Several events in one call. Default one event a call."""
    filter: Annotated[tuple[Filter, ...], Field(strict=False)] = ()
    """CloudEvents filters (exact, prefix, suffix, all, any, not), all of which must match."""

    def mistakes(self) -> Iterable[Mistake]:
        """What is set must agree with itself."""
        if self.on_exhausted == "deadLetter" and self.dead_letter is None:
            fix = "add deadLetter, for example deadLetter: {nats: orders.dead}"
            yield Mistake("deadLetter is not set", fix, ("onExhausted",))
        if self.dead_letter is not None and self.on_exhausted in ("park", "drop"):
            fix = "remove onExhausted, or remove deadLetter"
            message = f"{self.on_exhausted} leaves deadLetter unused"
            yield Mistake(message, fix, ("onExhausted",))
        if self._delay_exceeds_max():
            fix = "make backoffMax at least backoffDelay"
            yield Mistake("is shorter than backoffDelay", fix, ("backoffMax",))
        if self.retry_on == () and self.retry not in (None, 0):
            fix = "list what to try again, or set retry: 0"
            yield Mistake("is empty, so that nothing is tried again", fix, ("retryOn",))
        for index, expression in enumerate(self.filter):
            yield from filter_mistakes(expression, ("filter", index))

    def _delay_exceeds_max(self) -> bool:
        if self.backoff_delay is None or self.backoff_max is None:
            return False
        return self.backoff_delay > self.backoff_max

    def loops_to(self, kind: DeadLetterKind) -> str | None:
        """Return where dead letters go if it is a `kind`, to test that it is not the source."""
        return dict(self.dead_letter.destinations()).get(kind) if self.dead_letter else None


def loop_mistake(target: str) -> Mistake:
    """Say that dead letters would come back as events."""
    fix = "send dead letters to another place, or they come back as events"
    return Mistake(f"{quoted(target)} is what this trigger itself feeds on", fix, DEAD_LETTER_PATH)


DEAD_LETTER_PATH = ("delivery", "deadLetter")
