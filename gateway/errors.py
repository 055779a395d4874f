"""Every error of the data plane, by the decision that its catcher makes.

GatewayError
├── ConfigError         stop this subscription until its object changes
├── SourceUnavailable   recreate the source after a backoff
├── SinkUnavailable     try again later
│   └── NoEndpoint      … and do not charge the attempt: nothing was there to try
├── EventRejected       give up on this event: dead letter, park or drop
│   └── EventExpired    … because of its age
├── CallerGone          nobody waits for the answer any more
└── AlreadySettled      a bug: a delivery was settled twice
"""

from __future__ import annotations


class GatewayError(Exception):
    """The root: catch it to catch all that the data plane raises on purpose."""


class ConfigError(GatewayError):
    """A user's mistake. The message says what to change."""


class SourceUnavailable(GatewayError):
    """The broker cannot be read now."""


class SinkUnavailable(GatewayError):
    """The destination did not take the event, but may later.

    `status` is the HTTP status if one came; `retry_after` is what the destination asked for,
    in seconds.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class NoEndpoint(SinkUnavailable):
    """No process of the function is ready."""


class AttemptTimeout(SinkUnavailable):
    """The destination did not answer before the deadline."""


class EventRejected(GatewayError):
    """The destination will never take this event."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class EventExpired(EventRejected):
    """The event is older than its policy's `maxAge`."""


class CallerGone(GatewayError):
    """The caller of a synchronous request left before the answer was complete."""


class AlreadySettled(GatewayError):
    """A delivery was settled a second time."""
