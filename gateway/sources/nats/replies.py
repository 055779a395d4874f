"""Replies to those who asked over core NATS. Pure.

A failure follows ADR-32 of nats-architecture-and-design (services): two headers name it.
"""

from __future__ import annotations

from gateway.core.delivery import Delivery, Headers, Outcome
from gateway.errors import AttemptTimeout, SinkUnavailable

Reply = tuple[bytes, dict[str, str]]

_OF_THE_HOP = frozenset(
    (
        b"connection",
        b"content-length",
        b"date",
        b"keep-alive",
        b"server",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_OF_THE_SERVER = (b"nats-", b"status", b"description", b"function-status")
"""What a client takes for the word of the NATS server, or for ours."""


def reply_to(delivery: Delivery) -> Reply:
    """Return body and headers of the reply for a delivery that has ended."""
    headers: dict[str, str] = {}
    body = b""
    if delivery.answer is not None:
        body = delivery.answer.body
        headers = _passed_on(delivery.answer.headers)
        headers["Function-Status"] = str(delivery.answer.status)
    if delivery.outcome is not Outcome.DELIVERED:
        code, reason = _failure(delivery)
        headers |= {"Nats-Service-Error-Code": str(code), "Nats-Service-Error": reason}
    return body, headers


def _passed_on(headers: Headers) -> dict[str, str]:
    """Return the function's own headers. Those that came more than once are joined, as in HTTP."""
    passed: dict[str, str] = {}
    for name, value in headers:
        if name in _OF_THE_HOP or name.startswith(_OF_THE_SERVER):
            continue
        key = "Content-Type" if name == b"content-type" else name.decode("latin-1")
        text = value.decode("latin-1")
        passed[key] = f"{passed[key]}, {text}" if key in passed else text
    return passed


def _failure(delivery: Delivery) -> tuple[int, str]:
    if delivery.outcome is Outcome.FILTERED:
        return 404, "no filter of the trigger accepts this event"
    if delivery.answer is not None:
        return delivery.answer.status, f"the function answered {delivery.answer.status}"
    error = delivery.last_error
    if isinstance(error, AttemptTimeout):
        return 504, "the function did not answer in time"
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status, f"the function answered {status}"
    if isinstance(error, SinkUnavailable):
        return 503, "the function could not be reached"
    return 500, "the event was not delivered"
