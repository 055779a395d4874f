"""One event is tried, and nothing of it remains."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from gateway.named import NotRunning
from gateway.trial import request_from_json
from tests.fakes.function_server import FunctionServer, function_server
from tests.support.gateways import Running, running_gateway
from tidegate.api.subscription import (
    DeadLetter,
    DeliveryPolicy,
    HttpRoute,
    OnExhausted,
    Subscription,
)

POLICY = DeliveryPolicy(
    retry=3,
    backoff_delay=0.2,
    jitter=0.0,
    timeout=20.0,
    dead_letter=DeadLetter("function", "dead"),
    on_exhausted=OnExhausted.DEAD_LETTER,
)
ORDERS = Subscription(
    "default",
    "HTTPTrigger",
    "orders",
    "hello",
    HttpRoute("", "/orders"),
    policy=POLICY,
    filters=({"exact": {"tenant": "blue"}},),
)
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/t",
    "type": "t",
    "tenant": "blue",
    "authtoken": "s3cret",
    "data": {"n": 1},
}


@pytest.fixture
async def function() -> AsyncIterator[FunctionServer]:
    async with function_server() as server:
        yield server


@pytest.fixture
async def running(function: FunctionServer) -> AsyncIterator[Running]:
    async with running_gateway([ORDERS], {"hello": [function.address]}) as one:
        yield one


async def tried(running: Running, event: Mapping[str, Any] = EVENT, **more: Any) -> dict[str, Any]:
    body = {"namespace": "default", "trigger": "orders", "event": event, **more}
    (row,) = await running.gateway.trials.run(request_from_json(body))
    assert running.progress("orders").books.received == 0
    assert running.outcomes("orders") == {}
    return row


def answering(status: int, **headers: str) -> Any:
    async def answer(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=status, text="said", headers=headers)

    return answer


async def test_an_event_that_passes_reaches_the_function(
    running: Running, function: FunctionServer
) -> None:
    row = await tried(running)
    assert row["answer"]["status"] == 200
    assert row["answer"]["data"] == "ok"
    assert row["then"] == "delivered: the event is done"
    (seen,) = function.seen
    assert (seen.body, seen.headers["ce-id"]) == (b'{"n":1}', "1")


async def test_what_is_sent_is_shown_but_for_credentials(running: Running) -> None:
    request = (await tried(running))["request"]
    assert request["line"] == "POST / HTTP/1.1"
    assert ["ce-tenant", "blue"] in request["headers"]
    assert "s3cret" not in str(request)


async def test_an_event_that_the_filter_refuses_is_not_sent(
    running: Running, function: FunctionServer
) -> None:
    row = await tried(running, EVENT | {"tenant": "red"})
    assert row["filter"]["matched"] is False
    assert row["filter"]["because"][0]["had"] == "red"
    assert row["then"].startswith("filtered")
    assert not function.seen


async def test_a_dry_trial_stops_before_the_function(
    running: Running, function: FunctionServer
) -> None:
    assert "dry" in (await tried(running, dry=True))["then"]
    assert not function.seen


async def test_a_failure_says_what_the_policy_would_do(
    running: Running, function: FunctionServer
) -> None:
    function.behaviour = answering(503)
    row = await tried(running)
    assert (row["answer"]["status"], row["answer"]["data"]) == (503, "said")
    assert row["then"] == "tried again 3 times, then a dead letter to function dead"
    assert row["backoffs"] == [0.2, 0.4, 0.8]
    assert len(function.seen) == 1


async def test_what_the_function_asks_for_is_the_least_wait(
    running: Running, function: FunctionServer
) -> None:
    function.behaviour = answering(429, **{"retry-after": "5"})
    assert (await tried(running))["backoffs"] == [5.0, 5.0, 5.0]


async def test_a_rejection_is_not_tried_again(running: Running, function: FunctionServer) -> None:
    function.behaviour = answering(422)
    row = await tried(running)
    assert "not tried again" in row["then"]
    assert "a dead letter to function dead" in row["then"]
    assert row["backoffs"] == []


async def test_without_a_process_nothing_is_spent(running: Running) -> None:
    running.gateway.endpoints.set(("default", "hello"), ())
    row = await tried(running)
    assert row["answer"] is None
    assert "no process of it is ready" in row["error"]
    assert "no attempt is spent" in row["then"]


async def test_a_paused_trigger_can_be_tried(running: Running) -> None:
    running.gateway.apply([replace(ORDERS, paused=True)])
    row = await tried(running)
    assert row["paused"] is True
    assert row["answer"]["status"] == 200


async def test_a_trigger_that_is_not_here_is_said_to_be_elsewhere(running: Running) -> None:
    with pytest.raises(NotRunning, match="default/others"):
        await tried(running, trigger="others")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"trigger": ""}, "trigger is missing"),
        ({"trigger": 1}, "not all texts"),
        ({"event": None}, "a CloudEvent is a JSON object"),
        ({"event": {"specversion": "1.0"}}, "'id' is missing"),
    ],
)
def test_a_wrong_request_is_told_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        request_from_json({"trigger": "orders", "event": EVENT} | change)
