"""What who asked over core NATS is told."""

from __future__ import annotations

import pytest

from gateway.core.delivery import Answer, Outcome
from gateway.errors import (
    AttemptTimeout,
    EventExpired,
    EventRejected,
    NoEndpoint,
    SinkUnavailable,
)
from gateway.sources.nats.replies import reply_to
from tests.support.events import delivery


def ended(outcome: Outcome, answer: Answer | None = None, error: Exception | None = None):
    one = delivery()
    one.answer, one.last_error = answer, error
    one.settle(outcome)
    return reply_to(one)


def test_the_functions_own_headers_come_with_its_answer() -> None:
    headers = (
        (b"content-type", b"text/plain"),
        (b"x-cost", b"3"),
        (b"x-tag", b"one"),
        (b"x-tag", b"two"),
    )
    assert ended(Outcome.DELIVERED, Answer(201, headers, b"made")) == (
        b"made",
        {
            "Content-Type": "text/plain",
            "x-cost": "3",
            "x-tag": "one, two",
            "Function-Status": "201",
        },
    )


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"content-length",
        b"date",
        b"transfer-encoding",
        b"nats-service-error",
        b"nats-msg-id",
        b"status",
        b"function-status",
    ],
)
def test_what_belongs_to_the_hop_or_to_the_server_is_not_passed_on(name: bytes) -> None:
    _, headers = ended(Outcome.DELIVERED, Answer(200, ((name, b"503"),)))
    assert headers == {"Function-Status": "200"}


@pytest.mark.parametrize(
    ("outcome", "error", "code"),
    [
        (Outcome.FILTERED, None, "404"),
        (Outcome.DROPPED, EventRejected("no", status=422), "422"),
        (Outcome.DEAD_LETTERED, EventRejected("no header can carry it"), "500"),
        (Outcome.DROPPED, EventExpired("too old"), "500"),
        (Outcome.DROPPED, SinkUnavailable("refused"), "503"),
        (Outcome.DROPPED, NoEndpoint("none"), "503"),
        (Outcome.DROPPED, AttemptTimeout("late"), "504"),
        (Outcome.RELEASED, None, "500"),
    ],
)
def test_a_failure_has_a_code_and_a_sentence(
    outcome: Outcome, error: Exception | None, code: str
) -> None:
    body, headers = ended(outcome, error=error)
    assert body == b""
    assert headers["Nats-Service-Error-Code"] == code
    assert headers["Nats-Service-Error"]


def test_a_failure_that_the_function_answered_has_its_words() -> None:
    answer = Answer(422, ((b"content-type", b"text/plain"),), b"no such order")
    assert ended(Outcome.DROPPED, answer, EventRejected("no", status=422)) == (
        b"no such order",
        {
            "Content-Type": "text/plain",
            "Function-Status": "422",
            "Nats-Service-Error-Code": "422",
            "Nats-Service-Error": "the function answered 422",
        },
    )
