"""What a dead letter is: the event as it came, and beside it why and where its way ended. Pure.

Its attributes and bytes are those of the event. The extensions that it gains:

- `knativeerrordest`, `knativeerrorcode`, `knativeerrordata`: the function, the status that it
  answered and what went wrong, as Knative names them (eventing, data-plane specification);
- `tidegateletter`: an id that is the same however often this failure is written down;
- `tidegatetrigger` (the subscription), `tidegateposition` and `tidegatekey` (where it stood in its
  source, and its key there; `tidegatekeybase64` when the key is no text);
- `tidegatereason`, `tidegateattempts`, `tidegatefirstfailed`, `tidegatelastfailed`;
- `tidegatehops`: how many times it has become a dead letter.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.core.delivery import Delivery
from gateway.core.event import CloudEvent
from gateway.errors import EventExpired, EventRejected
from tidegate.api.subscription import Subscription

MAX_HOPS = 8
"""Dead letters may feed triggers with dead letters of their own; a longer chain is a loop."""

ERROR_LENGTH = 1024
"""Knative's bound on `knativeerrordata`."""

LETTER_ID = "tidegateletter"
HOPS = "tidegatehops"
_KEY, _BINARY_KEY = "tidegatekey", "tidegatekeybase64"
_CODE, _ERROR = "knativeerrorcode", "knativeerrordata"
_TRIGGER, _POSITION, _REASON = "tidegatetrigger", "tidegateposition", "tidegatereason"
_ATTEMPTS, _FIRST, _LAST = "tidegateattempts", "tidegatefirstfailed", "tidegatelastfailed"

ADDED = frozenset(
    (
        "knativeerrordest", _CODE, _ERROR, LETTER_ID, _TRIGGER, _POSITION, _KEY, _BINARY_KEY,
        _REASON, _ATTEMPTS, _FIRST, _LAST, HOPS,
    )
)  # fmt: skip
"""The names of all extensions that a dead letter may gain."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter that was read again. `event` is what failed, without what a letter adds."""

    id: str
    event: CloudEvent
    subscription: str
    reason: str
    attempts: int
    first_failed: str
    last_failed: str
    position: str
    error: str
    code: int | None


def dead_letter(delivery: Delivery, subscription: Subscription) -> CloudEvent:
    """Return the dead letter of a delivery that was given up.

    Raises `EventRejected` for an event that has been one so often that it must be in a loop.
    """
    event = delivery.event
    hops = _count(event.extensions.get(HOPS)) + 1
    if hops > MAX_HOPS:
        raise EventRejected(
            f"writing a dead letter: the event was one {MAX_HOPS} times already, so dead letters "
            "come back as events; name a delivery.deadLetter that no trigger reads"
        )
    kept = {name: text for name, text in event.extensions.items() if name not in ADDED}
    added = dict(_added(delivery, subscription))
    return event._replace(extensions={**kept, **added, HOPS: str(hops)})


def letter_from_event(event: CloudEvent) -> Letter | None:
    """Read a dead letter; None for an event that is none."""
    text = event.extensions.get
    id = text(LETTER_ID)
    if id is None:
        return None
    return Letter(
        id=id,
        event=original(event),
        subscription=text(_TRIGGER, ""),
        reason=text(_REASON, ""),
        attempts=_count(text(_ATTEMPTS)),
        first_failed=text(_FIRST, ""),
        last_failed=text(_LAST, ""),
        position=text(_POSITION, ""),
        error=text(_ERROR, ""),
        code=_count(text(_CODE)) or None,
    )


def original(event: CloudEvent) -> CloudEvent:
    """Return the event of which `event` is the dead letter."""
    kept = {name: text for name, text in event.extensions.items() if name not in ADDED}
    return event._replace(extensions=kept)


def letter_key(event: CloudEvent) -> bytes | None:
    """Return the key that the event of a dead letter had in its source."""
    if (encoded := event.extensions.get(_BINARY_KEY)) is not None:
        return base64.b64decode(encoded)
    text = event.extensions.get(_KEY)
    return None if text is None else text.encode()


def _added(delivery: Delivery, subscription: Subscription) -> Iterator[tuple[str, str]]:
    error = delivery.last_error
    yield (
        "knativeerrordest",
        f"/apis/kubeless.io/v1beta1/namespaces/{subscription.namespace}"
        f"/functions/{subscription.function}",
    )
    status = getattr(error, "status", None)
    if isinstance(status, int):
        yield _CODE, str(status)
    yield _ERROR, _one_line(str(error or ""))[:ERROR_LENGTH]
    yield LETTER_ID, _id(delivery, subscription)
    yield _TRIGGER, subscription.id
    if position := _position(delivery):
        yield _POSITION, position
    yield from _key(delivery.key)
    yield _REASON, _reason(error)
    yield _ATTEMPTS, str(delivery.attempts)
    if delivery.failed_at is not None:
        yield _FIRST, _time(delivery.failed_at[0])
        yield _LAST, _time(delivery.failed_at[1])


def _id(delivery: Delivery, subscription: Subscription) -> str:
    """Name a failure by all that tells one event from another.

    An id alone is not enough: publishers repeat them, and a stream that was made anew counts
    from one again.
    """
    event = delivery.event
    parts = (subscription.id, event.source, event.id, event.time, _position(delivery))
    digest = hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace"))
    digest.update(event.data or b"")
    return digest.hexdigest()[:20]


def _position(delivery: Delivery) -> str:
    position = delivery.position
    steps = (delivery.partition, *(position if isinstance(position, tuple) else (position,)))
    text = "/".join(str(step) for step in steps if step is not None)
    return _one_line(text)[:ERROR_LENGTH]


def _key(key: object) -> Iterator[tuple[str, str]]:
    raw = key.encode("utf-8", "backslashreplace") if isinstance(key, str) else key
    if not isinstance(raw, bytes):
        return
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = ""
    if text.isprintable() and text:
        yield _KEY, text
    else:
        yield _BINARY_KEY, base64.b64encode(raw).decode()


def _reason(error: Exception | None) -> str:
    match error:
        case EventExpired():
            return "expired"
        case EventRejected():
            return "rejected"
        case _:
            return "exhausted"


def _one_line(text: str) -> str:
    """Return `text` as an attribute may hold it: without control characters."""
    return "".join(each if each.isprintable() else " " for each in text)


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0


def _time(seconds: float) -> str:
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
