"""The `delivery` block of every trigger: how hard the gateway tries, and what comes after."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema

from tidegate.api import cel
from tidegate.api.filters import filter_mistakes, filter_schema
from tidegate.api.mistake import Mistake
from tidegate.api.model import Model
from tidegate.api.rule import Rule
from tidegate.api.scalars import (
    DnsName,
    Duration,
    PositiveDuration,
    Size,
    int_or_string,
    url_without_credentials,
)
from tidegate.api.subjects import plain_subject, topic_name

_RETRY_REASON = Rule(
    re.compile(r"connect|timeout|[3-5]\d\d|[3-5]xx", re.ASCII).fullmatch,
    cel.matches("^(connect|timeout|[3-5][0-9][0-9]|[3-5]xx)$", of="string(self)"),
    "is no reason to try again",
    "list connect, timeout, a status such as 503 or a class such as 5xx; 2xx is success",
    shows=True,
)


def _retry_reason(value: object) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _RETRY_REASON.holds(text):
        raise _RETRY_REASON.mistake(value).error()
    return text


RetryReason = Annotated[
    str,
    BeforeValidator(_retry_reason),
    int_or_string((_RETRY_REASON,)),
]
Filter = Annotated[dict[str, Any], WithJsonSchema(filter_schema())]


_LOOP = (
    "is what this trigger itself feeds on",
    "send dead letters to another place, or they come back as events",
)
# Durations with fractions, days or the ISO form are compared by the controllers alone.
_DELAY_FITS = (
    "(type(self.backoffDelay) == int && type(self.backoffMax) == int "
    "? self.backoffDelay <= self.backoffMax "
    ": ![self.backoffDelay, self.backoffMax].all(one, type(one) == string "
    f"&& {cel.matches('^([0-9]{1,6}(ms|s|m|h))+$', of='one')}) "
    "|| duration(self.backoffDelay) <= duration(self.backoffMax))"
)

DeadLetterKind = Literal["kafka", "nats", "http", "function", "file"]


class DeadLetterSpec(Model):
    """Where an event goes that cannot be delivered. Exactly one of the fields."""

    kafka: Annotated[str, topic_name] | None = None
    """A Kafka topic."""
    nats: Annotated[str, plain_subject] | None = None
    """A NATS subject, without wildcards."""
    http: Annotated[str, url_without_credentials(("http", "https"))] | None = None
    """An URL that takes the event as a POST."""
    function: DnsName | None = None
    """A function of the same namespace."""
    file: Annotated[str, Field(min_length=1)] | None = None
    """A file that is appended to. On a laptop only."""

    agreements: ClassVar = (
        Rule(
            lambda self: len(self.destinations()) == 1,
            f"[{', '.join(cel.has(kind) for kind in get_args(DeadLetterKind))}]"
            ".exists_one(one, one)",
            "does not name one destination",
            "set exactly one of kafka, nats, http, function or file",
        ),
    )

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
    retry_on: Annotated[tuple[RetryReason, ...], Field(strict=False, max_length=64)] | None = None
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
    filter: Annotated[tuple[Filter, ...], Field(strict=False, max_length=64)] = ()
    """CloudEvents filters (exact, prefix, suffix, all, any, not), all of which must match."""

    agreements: ClassVar = (
        Rule(
            lambda self: self.on_exhausted != "deadLetter" or self.dead_letter is not None,
            "!has(self.onExhausted) || self.onExhausted != 'deadLetter' || has(self.deadLetter)",
            "deadLetter is not set",
            "add deadLetter, for example deadLetter: {nats: orders.dead}",
            ("onExhausted",),
        ),
        Rule(
            lambda self: self.on_exhausted in (None, "deadLetter") or self.dead_letter is None,
            "!has(self.onExhausted) || self.onExhausted == 'deadLetter' || !has(self.deadLetter)",
            "leaves deadLetter unused",
            "remove onExhausted, or remove deadLetter",
            ("onExhausted",),
        ),
        Rule(
            lambda self: not self._delay_exceeds_max(),
            f"!has(self.backoffDelay) || !has(self.backoffMax) || {_DELAY_FITS}",
            "is shorter than backoffDelay",
            "make backoffMax at least backoffDelay",
            ("backoffMax",),
        ),
        Rule(
            lambda self: self.retry_on != () or self.retry in (None, 0),
            "!has(self.retryOn) || self.retryOn.size() > 0 || !has(self.retry) || self.retry == 0",
            "is empty, so that nothing is tried again",
            "list what to try again, or set retry: 0",
            ("retryOn",),
        ),
    )

    def mistakes(self) -> Iterable[Mistake]:
        """Filters nest, which no API server follows."""
        for index, expression in enumerate(self.filter):
            yield from filter_mistakes(expression, ("filter", index))

    def _delay_exceeds_max(self) -> bool:
        if self.backoff_delay is None or self.backoff_max is None:
            return False
        return self.backoff_delay > self.backoff_max

    def loops_to(self, kind: DeadLetterKind) -> str | None:
        """Return where dead letters go if it is a `kind`, to test that it is not the source."""
        return dict(self.dead_letter.destinations()).get(kind) if self.dead_letter else None


DEAD_LETTER_PATH = ("delivery", "deadLetter")


def loop_mistake() -> Mistake:
    """Say that dead letters would come back as events."""
    return Mistake(*_LOOP, DEAD_LETTER_PATH)


def never_fed_back(feeds: Callable[[Any], bool], kind: DeadLetterKind, told: str) -> Rule:
    """Ask a trigger whether it `feeds` on its own dead letters.

    `told` is what CEL can say of that: true when `target`, where those of the `kind` go, does
    not come back.
    """
    path = (*DEAD_LETTER_PATH, kind)
    target = cel.field(*path)
    asked = f"!({cel.has(*path)}) || {told.replace('target', target)}"
    return Rule(lambda self: not feeds(self), asked, *_LOOP, DEAD_LETTER_PATH)


def not_the_function() -> Rule:
    """Ask a trigger of one function for dead letters that do not reach that function."""
    return never_fed_back(
        lambda self: self.delivery.loops_to("function") == self.function_name,
        "function",
        "!has(self.function__dash__name) || self.function__dash__name != target",
    )
