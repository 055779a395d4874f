"""What becomes of an event is found wherever it was, and only by who has the token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.fakes.function_server import function_server
from tests.support.gateways import running_gateway
from tests.support.pods_of_gateways import Pods, pods_of
from tidegate.api.subscription import DeliveryPolicy, HttpRoute, Subscription
from tidegate.cli.place.place import Place
from tidegate.cli.triggers.decisions import asked, decisions
from tidegate.cli.triggers.tail import Printed, _followed
from tidegate.kube.errors import Denied
from tidegate.kube.objects import ObjectKey

PATIENCE = 30.0
QUERY = {"namespace": "default"}
ORDERS = Subscription(
    "default",
    "HTTPTrigger",
    "orders",
    "hello",
    HttpRoute("", "/"),
    "",
    DeliveryPolicy(),
    ({"not": {"exact": {"id": "filtered"}}},),
)


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[Pods]:
    """Two replicas that both run the trigger."""
    async with AsyncExitStack() as stack:
        function = await stack.enter_async_context(function_server())
        places = {"hello": [function.address]}
        one = await stack.enter_async_context(running_gateway([ORDERS], places))
        other = await stack.enter_async_context(running_gateway([ORDERS], places))
        yield await stack.enter_async_context(pods_of(tmp_path, one, other))


def place(pods: Pods) -> Place:
    """Return the pods as a place; nothing but its gateways is asked for."""
    return cast(Place, pods)


async def call(pods: Pods, replica: int, id: str) -> None:
    running = pods.pods[replica].running
    headers = {"ce-specversion": "1.0", "ce-id": id, "ce-source": "/t", "ce-type": "t"}
    async with running.client.post(running.url, data=b"x", headers=headers) as answer:
        assert answer.status in (200, 204)
    await asyncio.sleep(0.002)  # decisions of two replicas are put in order by milliseconds


async def followed(pods: Pods) -> None:
    """Wait until somebody looks on at every replica."""
    rings: list[Any] = [one.running.progress("orders").decisions for one in pods.pods]
    while not all(ring.followers for ring in rings):  # noqa: ASYNC110 - has no event
        await asyncio.sleep(0.01)


async def test_an_event_is_found_at_whichever_replica_had_it(pods: Pods) -> None:
    await call(pods, 0, "first")
    await call(pods, 1, "second")
    for id, replica in (("first", "gateway-0"), ("second", "gateway-1")):
        (row,) = (await asked(place(pods), QUERY | {"event": id})).decisions
        assert (row["gateway"], row["outcome"]) == (replica, "delivered")
    every = await asked(place(pods), QUERY)
    assert [row["event"]["id"] for row in every.decisions] == ["second", "first"]


async def test_a_description_has_the_last_decisions_in_a_line_each(pods: Pods) -> None:
    key = ObjectKey("default", "orders")
    assert list(await decisions(place(pods), key)) == ["none yet"]
    await call(pods, 0, "delivered")
    await call(pods, 1, "filtered")
    newest, oldest = await decisions(place(pods), key, "HTTPTrigger")
    assert "filtered: delivery.filter[0].not.exact.id wants not id to be 'filtered'" in newest
    assert "delivered: status 200" in oldest


async def test_a_replica_that_refuses_is_remarked_and_does_not_hide_the_others(pods: Pods) -> None:
    await call(pods, 0, "1")
    stranger = replace(pods, pods=[pods.pods[0], replace(pods.pods[1], token="wrong")])
    found = await asked(place(stranger), QUERY)
    assert [row["event"]["id"] for row in found.decisions] == ["1"]
    assert "tidegate-admin" in found.remarks[0]


async def test_who_has_no_token_learns_nothing(pods: Pods) -> None:
    strangers = replace(pods, pods=[replace(one, token="wrong") for one in pods.pods])
    with pytest.raises(Denied, match="tidegate-admin"):
        await asked(place(strangers), QUERY)
    (line,) = await decisions(place(strangers), ObjectKey("default", "orders"))
    assert line.startswith("not known")


async def test_looking_on_shows_what_all_replicas_do(
    pods: Pods, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = Printed(2, as_json=False)
    looking = asyncio.create_task(_followed(place(pods), {**QUERY, "payload": "0"}, printed))
    async with asyncio.timeout(PATIENCE):
        await followed(pods)
        await call(pods, 0, "first")
        await call(pods, 1, "second")
        await looking
    shown = capsys.readouterr().out
    assert "first" in shown and "second" in shown


class Closed(Printed):
    """Prints for who has seen enough and closed the pipe, as head does."""

    def take(self, row: dict[str, Any]) -> None:
        raise BrokenPipeError


async def test_looking_on_ends_as_any_verb_does_when_nobody_reads(pods: Pods) -> None:
    printed = Closed(0, as_json=False)
    looking = asyncio.create_task(_followed(place(pods), {**QUERY, "payload": "0"}, printed))
    async with asyncio.timeout(PATIENCE):
        await followed(pods)
        await call(pods, 0, "first")
        with pytest.raises(BrokenPipeError):
            await looking
