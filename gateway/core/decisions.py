"""The last decisions over one subscription's events: a ring in memory, never a payload.

Noted for every event, read when somebody asks. What is noted is therefore a tuple of what is there
anyway, bounded in count and in length; `gateway.core.recollection` makes something to read of it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from gateway.core.delivery import Delivery, Outcome
from gateway.core.event import CloudEvent
from gateway.core.trail import Trail
from gateway.core.verdict import Verdict

LONG = 1024
"""Characters of all attributes of an event together; of a longer one the beginnings are kept."""

LONG_KEY = 64
"""Bytes of a key that is kept as it is; of a longer one only the digest is."""

BREAKER_CHANGES = 32
_CUT = 128


class Terms(NamedTuple):
    """Under what an event was decided: a later change of the trigger does not change the past."""

    subscription: str
    verdict: Callable[[Callable[[str], str | None]], Verdict]


class Decision(NamedTuple):
    """How one event ended. Times are of the subscription's clock."""

    at: float
    received_at: float
    head: tuple[Any, ...]
    """The event's attributes, in the order of `CloudEvent`, without the payload."""

    key: object
    partition: object
    position: object
    outcome: Outcome | None
    """None while it has not ended."""

    attempts: int
    took: float
    status: int
    """What the function answered last; 0 where nothing is known."""

    trail: Trail | None
    terms: Terms
    verdict: Verdict | None = None
    """Found early where what it was found from is too long to be kept."""


class Pending(NamedTuple):
    """An event that has not ended, and what it does instead."""

    decision: Decision
    state: str


class Follower(Protocol):
    """Somebody who looks on."""

    def take(self, decision: Decision, delivery: Delivery) -> None:
        """Take note of a decision. Never waits."""
        ...


class Decisions:
    """The ring. What went as usual is kept apart: it must not push out the few that did not."""

    __slots__ = ("_bytes", "_most_bytes", "breaker", "followers", "plain", "room", "since", "told")

    def __init__(self, room: int = 256, most_bytes: int = 256 * 1024) -> None:
        self.room = room
        self.plain: deque[tuple[Any, ...]] = deque(maxlen=room)
        """Bare tuples of the fields of `Decision`: half the price."""

        self.told: deque[Decision] | None = None
        """What failed at least once, or ended otherwise than delivered or filtered."""

        self.since: float | None = None
        self.breaker: deque[tuple[float, str]] | None = None
        self.followers: tuple[Follower, ...] = ()
        self._bytes = 0
        self._most_bytes = most_bytes

    def resize(self, room: int) -> None:
        """Keep no more than `room` of each from now on."""
        if room != self.room:
            self.room = room
            self.plain = deque(self.plain, maxlen=room)
            self._bound()

    def note(self, delivery: Delivery, terms: Terms, now: float) -> None:
        """Remember how `delivery` has ended. On the path of every event: half a microsecond."""
        noted = _noted(delivery, terms, now)
        if noted[10] is None and (noted[6] is _DELIVERED or noted[6] is _FILTERED):
            self.plain.append(noted)
        else:
            self._tell(Decision._make(noted))
        if self.followers:
            for follower in self.followers:
                follower.take(Decision._make(noted), delivery)

    def breaker_is(self, state: str, now: float) -> None:
        """Remember that the breaker has changed."""
        if self.breaker is None:
            self.breaker = deque(maxlen=BREAKER_CHANGES)
        if not self.breaker or self.breaker[-1][1] != state:
            self.breaker.append((now, state))

    def __iter__(self) -> Iterator[Decision]:
        """Yield what is remembered, the newest first."""
        kept = [*map(Decision._make, self.plain), *(self.told or ())]
        yield from sorted(kept, key=lambda one: one.at, reverse=True)

    def full_since(self) -> float | None:
        """Return since when nothing was left out; None where nothing ever was."""
        oldest = [self.plain[0][0]] if len(self.plain) == self.room else []
        if self.since is not None:
            oldest.append(self.since)
        return max(oldest, default=None)

    def _tell(self, decision: Decision) -> None:
        if self.told is None:
            self.told = deque()
        self.told.append(decision)
        self._bytes += _size(decision)
        self._bound()

    def _bound(self) -> None:
        while self.told and (len(self.told) > self.room or self._bytes > self._most_bytes):
            gone = self.told.popleft()
            self.since = gone.at
            self._bytes -= _size(gone)


def _noted(delivery: Delivery, terms: Terms, now: float) -> tuple[Any, ...]:
    """Return what is remembered of `delivery`: the fields of a `Decision`."""
    id, source, type, subject, time, kind, schema, extensions, _ = event = delivery.event
    length = len(id) + len(source) + len(type)
    if subject:
        length += len(subject)
    if time:
        length += len(time)
    if kind:
        length += len(kind)
    if schema or extensions:
        length += _length_of(extensions) + len(schema or "")
    verdict = None
    if length > LONG:
        verdict = terms.verdict(event.attribute)
        event = _cut(event)
    key, answer = delivery.key, delivery.answer
    return (
        now,
        delivery.received_at,
        event[:8],
        key if key is None else _kept_key(key),
        delivery.partition,
        delivery.position,
        delivery.outcome,
        delivery.attempts,
        delivery.took,
        0 if answer is None else answer.status,
        delivery.trail,
        terms,
        verdict,
    )


def pending(delivery: Delivery, terms: Terms, now: float, state: str) -> Pending:
    """Return what is known of a delivery in flight, which is in `state`."""
    return Pending(Decision._make(_noted(delivery, terms, now)), state)


def key_digest(key: object) -> str:
    """Return what tells a key from others and not what it is: a key may be somebody's name."""
    raw = key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogatepass")
    return f"sha256:{hashlib.sha256(raw).hexdigest()[:16]}"


_DELIVERED, _FILTERED = Outcome.DELIVERED, Outcome.FILTERED


def _kept_key(key: object) -> object:
    return key_digest(key) if isinstance(key, bytes | str) and len(key) > LONG_KEY else key


def _cut(event: CloudEvent) -> CloudEvent:
    """Return the beginnings of what is too long to be kept, without payload and extensions."""
    *head, _, _ = event
    return CloudEvent(*(None if text is None else text[:_CUT] for text in head))  # type: ignore[arg-type]  # the first three are text


def _length_of(extensions: Mapping[str, str]) -> int:
    return sum(len(name) + len(text) for name, text in extensions.items())


def _size(decision: Decision) -> int:
    """Return about how many bytes a decision takes."""
    *head, extensions = decision.head
    trail = 0 if decision.trail is None else decision.trail.size()
    return 600 + trail + _length_of(extensions) + sum(len(text) for text in head if text)
