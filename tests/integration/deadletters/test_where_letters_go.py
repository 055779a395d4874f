"""What a function refuses ends where the policy says, byte by byte, and is settled only then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from gateway.core.event import CloudEvent
from tests.fakes.function_server import function_server
from tests.integration.deadletters.bench import POISON, Place, place, refusing, until
from tests.support.gateways import Running
from tidegate.api.subscription import DeadLetter


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path) as one:
        yield one


async def dead_lettered(running: Running, count: int = 1) -> None:
    """Wait until so many letters were confirmed."""

    async def happened() -> bool:
        return running.outcomes("orders").get("deadLettered") == count

    await until(happened)


async def settled(shop: Place) -> None:
    """Wait until the broker has nothing left for us."""

    async def happened() -> bool:
        return await shop.unsettled() == 0

    await until(happened)


def check_poison(event: CloudEvent) -> None:
    """The event is as it was in the stream, its key and position told beside it."""
    assert event.data == POISON
    assert (event.id, event.source, event.subject) == ("ORDERS:2", "nats:ORDERS", "orders.new")


async def test_poison_lands_in_a_file_and_the_rest_is_delivered(shop: Place) -> None:
    async with (
        refusing() as function,
        shop.gateway(DeadLetter("file", "dead.jsonl"), function) as g,
    ):
        await shop.publish(b"1", POISON, b"3")
        await dead_lettered(g)
        await settled(shop)
        assert g.outcomes("orders") == {"delivered": 2, "deadLettered": 1}
    (event,) = shop.in_file()
    check_poison(event)


async def test_poison_lands_in_a_stream_with_all_that_happened(shop: Place) -> None:
    await shop.client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
    async with (
        refusing() as function,
        shop.gateway(DeadLetter("nats", "dead.orders"), function) as g,
    ):
        await shop.publish(b"1", POISON, b"3")
        await dead_lettered(g)
        await settled(shop)
    (letter,) = await shop.in_stream()
    check_poison(letter)
    told = letter.extensions
    assert (told["knativeerrorcode"], told["tidegatereason"]) == ("422", "rejected")
    assert told["tidegatetrigger"] == "default/NATSTrigger/orders/hello"
    assert told["tidegateposition"].startswith("2/")
    assert (told["tidegatekey"], told["tidegateattempts"]) == ("orders.new", "1")


async def test_an_event_that_was_a_cloudevent_stays_the_one_it_was(shop: Place) -> None:
    async with (
        refusing() as function,
        shop.gateway(DeadLetter("file", "dead.jsonl"), function) as g,
    ):
        headers = {
            "ce-specversion": "1.0",
            "ce-id": "a b",
            "ce-source": "/shop",
            "ce-type": "order",
        }
        headers |= {"ce-partitionkey": "k", "ce-datacontenttype": "application/json"}
        client = shop.client.jetstream()
        await client.publish("orders.new", POISON, headers=headers)
        await dead_lettered(g)
    (event,) = shop.in_file()
    assert (event.id, event.source, event.type, event.data) == ("a b", "/shop", "order", POISON)
    assert dict(event.extensions) == {"partitionkey": "k"}


async def test_poison_reaches_another_function(shop: Place) -> None:
    async with refusing() as function, function_server() as mourner:
        async with shop.gateway(DeadLetter("function", "mourner"), function, mourner=mourner) as g:
            await shop.publish(POISON)
            await dead_lettered(g)
        (seen,) = mourner.seen
    assert seen.body == POISON
    assert seen.headers["ce-tidegatereason"] == "rejected"
    assert seen.headers["ce-knativeerrordest"].endswith("/functions/hello")


async def test_poison_is_posted_to_an_url(shop: Place) -> None:
    async with refusing() as function, function_server() as server:
        host, port = server.address
        async with shop.gateway(DeadLetter("http", f"http://{host}:{port}/x"), function) as g:
            await shop.publish(POISON)
            await dead_lettered(g)
        (seen,) = server.seen
    assert (seen.path, seen.body, seen.headers["ce-id"]) == ("/x", POISON, "ORDERS:1")


async def test_a_function_never_gets_its_own_dead_letters(shop: Place) -> None:
    async with refusing() as function, shop.gateway(DeadLetter("function", "hello"), function) as g:
        assert "name another one" in g.progress("orders").reason


async def test_a_subject_that_no_stream_takes_is_said_and_the_event_is_held(shop: Place) -> None:
    async with (
        refusing() as function,
        shop.gateway(DeadLetter("nats", "dead.orders"), function) as g,
    ):
        await shop.publish(POISON, b"after")

        async def refused() -> bool:
            return g.progress("orders").unwritten == 1

        async def only_the_poison_is_unsettled() -> bool:
            return await shop.unsettled() == 1

        await until(refused)
        assert "no JetStream stream takes this subject" in g.progress("orders").last_error
        await until(only_the_poison_is_unsettled)
        await shop.client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
        await dead_lettered(g)
        await settled(shop)
        assert g.progress("orders").unwritten == 0
    (letter,) = await shop.in_stream()
    assert letter.data == POISON


async def test_while_the_target_is_away_nothing_is_lost_and_nothing_committed(shop: Place) -> None:
    bodies = [POISON if number % 2 else b"%d" % number for number in range(40)]
    async with refusing() as function, function_server(_away) as server:
        host, port = server.address
        async with shop.gateway(DeadLetter("http", f"http://{host}:{port}/"), function) as g:
            await shop.publish(*bodies)

            async def all_refused() -> bool:
                return g.progress("orders").unwritten == 20

            await until(all_refused)
            await asyncio.sleep(5)  # the fault itself
            assert await shop.unsettled() == 20
            assert "dead letters not written" in await reason(g)
            server.behaviour = _ok
            await dead_lettered(g, 20)
            await settled(shop)
            assert g.outcomes("orders") == {"delivered": 20, "deadLettered": 20}
            assert await reason(g) == ""
        assert len({seen.headers["ce-tidegateletter"] for seen in server.seen}) == 20


async def test_a_broker_that_dies_under_load_gets_each_letter_once(shop: Place) -> None:
    await shop.client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
    async with (
        refusing() as function,
        shop.gateway(DeadLetter("nats", "dead.orders"), function) as g,
    ):
        await shop.publish(*[POISON] * 300)

        async def some() -> bool:
            return g.outcomes("orders").get("deadLettered", 0) > 50

        await until(some)
        await shop.broker.restart(pause=2)
        await settled(shop)
        assert g.progress("orders").unwritten == 0
    letters = await shop.in_stream()
    assert sorted(letter.id for letter in letters) == sorted(f"ORDERS:{n}" for n in range(1, 301))


async def _away(*_: object) -> web.Response:
    return web.Response(status=503)


async def _ok(*_: object) -> web.Response:
    return web.Response()


async def reason(running: Running) -> str:
    """Return why the trigger is in trouble, as people are shown."""
    async with running.client.get(f"{running.admin}/subscriptions") as answer:
        (row,) = await answer.json()
    return str(row["reason"])
