"""A stream is replayed beside the trigger that reads it, which does not notice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import nats
import pytest
from aiohttp import web
from nats.aio.client import Client

from gateway.errors import ConfigError
from gateway.named import NotRunning
from gateway.settings import DeadLetterSettings, NatsSettings, Settings
from tests.fakes.function_server import FunctionServer, function_server
from tests.fakes.nats_server import NatsServer
from tests.support.gateways import Running, running_gateway
from tests.support.replays import Told, counts, prepared, replayed
from tests.support.waiting import until
from tidegate.api.subscription import (
    DeadLetter,
    DeliveryPolicy,
    JetStreamConsumer,
    NatsSubject,
    OnExhausted,
    Subscription,
)

SOURCE = NatsSubject("orders.*", "hello", jetstream=JetStreamConsumer("hello"))


def orders(**policy: object) -> Subscription:
    """Return the trigger `orders`, which feeds `hello`."""
    fields = {"retry": 1, "backoff_delay": 0.01, "on_exhausted": OnExhausted.DROP, **policy}
    return Subscription(
        "default", "NATSTrigger", "orders", "hello", SOURCE, policy=DeliveryPolicy(**fields)
    )


class Shop:
    """A gateway between a stream ORDERS and the function `hello`; `next` is another function."""

    def __init__(
        self, server: NatsServer, running: Running, client: Client, hello: FunctionServer
    ) -> None:
        self.server = server
        self.running = running
        self.client = client
        self.hello = hello
        self.next = hello

    async def publish(self, *bodies: str) -> None:
        """Publish orders, each under a subject of its first letter; return when all are stored."""
        for body in bodies:
            await self.client.jetstream().publish(f"orders.{body[0]}", body.encode())

    async def consumer(self) -> tuple[int, int, int]:
        """Return where the trigger's consumer stands: delivered, floor, waiting for an end."""
        state = await self.client.jetstream().consumer_info("ORDERS", "hello")
        assert state.delivered is not None
        assert state.ack_floor is not None
        return state.delivered.stream_seq, state.ack_floor.stream_seq, state.num_ack_pending or 0

    async def consumers(self) -> Sequence[str]:
        """Return the names of all consumers of the stream."""
        return [one.name for one in await self.client.jetstream().consumers_info("ORDERS")]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(NatsServer(tmp_path / "nats"))
        client = await nats.connect(
            server.url, reconnect_time_wait=0.1, max_reconnect_attempts=-1, error_cb=ignore
        )
        stack.push_async_callback(client.close)
        await client.jetstream().add_stream(name="ORDERS", subjects=["orders.*", "others.*"])
        hello = await stack.enter_async_context(function_server())
        other = await stack.enter_async_context(function_server())
        settings = Settings(
            nats=NatsSettings(url=server.url),
            dead_letters=DeadLetterSettings(tmp_path / "letters"),
        )
        places = {"hello": [hello.address], "next": [other.address]}
        running = await stack.enter_async_context(running_gateway([orders()], places, settings))
        one = Shop(server, running, client, hello)
        one.next = other
        yield one


async def ignore(_: Exception) -> None:
    """A client that reconnects need not say so."""


def bodies(function: FunctionServer) -> list[str]:
    """Return what a function was sent."""
    return [seen.body.decode() for seen in function.seen]


async def test_all_of_the_past_goes_to_another_function_and_says_that_it_is_replayed(
    shop: Shop,
) -> None:
    await shop.publish("a1", "b1", "a2")
    await shop.client.jetstream().publish("others.x", b"not the trigger's")
    live = await shop.hello.until(3)
    report = await replayed(shop.running, target="next")
    assert counts(report) == {"read": 3, "delivered": 3}
    assert sorted(bodies(shop.next)) == ["a1", "a2", "b1"]
    assert {seen.headers["ce-tidegatereplay"] for seen in shop.next.seen} == {report["replay"]}
    ids = {seen.headers["ce-id"] for seen in shop.next.seen}
    assert ids == {seen.headers["ce-id"] for seen in live}, "a function can tell a repeat"
    assert not any("ce-tidegatereplay" in seen.headers for seen in live)
    assert len(shop.hello.seen) == 3


async def test_the_live_consumer_stands_where_it_stood(shop: Shop) -> None:
    held = asyncio.Event()

    async def hang(_: web.Request, body: bytes) -> web.Response:
        if body == b"b1":
            await held.wait()
        return web.Response()

    shop.hello.behaviour = hang
    await shop.publish("a1", "b1")
    await shop.hello.until(2)
    await shop.publish(*(f"c{number}" for number in range(20)))
    await shop.hello.until(22)
    before = await shop.consumer()
    assert before[1] == 1, "what hangs holds the floor"
    assert counts(await replayed(shop.running, target="next")) == {"read": 22, "delivered": 22}
    assert (await shop.consumer())[:2] == before[:2]
    assert await shop.consumers() == ["hello"], "a replay leaves nothing behind"
    held.set()


async def test_live_traffic_is_neither_replayed_nor_disturbed(shop: Shop) -> None:
    await shop.publish(*(f"a{number}" for number in range(300)))
    await shop.hello.until(300, 30)
    over = asyncio.Event()
    sent = 0

    async def flow() -> None:
        nonlocal sent
        while not over.is_set():
            await shop.publish(f"z{sent}")
            sent += 1

    flowing = asyncio.create_task(flow())
    try:
        report = await replayed(shop.running, target="next")
    finally:
        over.set()
        await flowing
    past = [body for body in bodies(shop.next) if body[0] == "a"]
    assert sorted(past) == sorted(f"a{number}" for number in range(300))
    assert report["delivered"] == report["read"] == len(shop.next.seen)
    assert report["delivered"] < 300 + sent, "it ended though the stream did not"
    await shop.hello.until(300 + sent, 30)
    assert len(bodies(shop.hello)) == len({*bodies(shop.hello)}) == 300 + sent


async def test_a_window_begins_with_its_start_and_ends_before_its_end(shop: Shop) -> None:
    await shop.publish("a1", "b1", "c1", "d1")
    jetstream = shop.client.jetstream()
    moments = [(await jetstream.get_msg("ORDERS", number)).time for number in (1, 2, 3, 4)]
    report = await replayed(shop.running, target="next", start=moments[1], end=moments[3])
    assert sorted(bodies(shop.next)) == ["b1", "c1"]
    assert counts(report) == {"read": 2, "delivered": 2}
    shop.next.seen.clear()
    for start, end in ((moments[0], moments[1]), (moments[1], moments[2])):
        await replayed(shop.running, target="next", start=start, end=end)
    assert bodies(shop.next) == ["a1", "b1"], "windows that adjoin share nothing"


async def test_only_subjects_of_the_trigger_are_replayed(shop: Shop) -> None:
    await shop.publish("a1", "b1", "c1", "a2")
    consumer = JetStreamConsumer("some", filter_subjects=("orders.a", "orders.c"))
    source = NatsSubject("orders.*", "hello", jetstream=consumer)
    await shop.running.apply(replace(orders(), source=source))
    report = await replayed(shop.running, target="next")
    assert counts(report) == {"read": 3, "delivered": 3}
    assert sorted(bodies(shop.next)) == ["a1", "a2", "c1"]


async def test_filters_and_failures_are_counted_and_named(shop: Shop) -> None:
    async def refuse(_: web.Request, body: bytes) -> web.Response:
        return web.Response(status=422 if body == b"b2" else 200)

    await shop.publish("a1", "b1", "b2", "c1")
    await shop.hello.until(4)
    shop.next.behaviour = refuse
    wanted = [{"any": [{"suffix": {"subject": "b"}}, {"suffix": {"subject": "c"}}]}]
    report = await replayed(shop.running, target="next", filters=wanted)
    assert counts(report) == {"read": 4, "delivered": 2, "failed": 1, "filtered": 1}
    (row,) = report["functions"]
    assert row["statuses"] == {"200": 2, "422": 1}
    (failure,) = row["failures"]
    assert (failure["event"], failure["status"]) == ("ORDERS:3", 422)
    assert json.dumps(report)


async def test_answers_are_compared_with_those_that_were_given_live(shop: Shop) -> None:
    async def created(_: web.Request, body: bytes) -> web.Response:
        return web.Response(status=201 if body == b"b1" else 200)

    await shop.publish("a1", "b1", "c1")
    await shop.hello.until(3)
    await until(lambda: shop.running.outcomes("orders") == {"delivered": 3}, timeout=20)
    shop.next.behaviour = created
    (row,) = (await replayed(shop.running, target="next", compare=True))["functions"]
    assert (row["compared"], row["differing"]) == (3, 1)
    assert row["differences"] == [
        {"event": "ORDERS:2", "position": "2", "status": 201, "live": 200}
    ]
    (row,) = (await replayed(shop.running, target="next"))["functions"]
    assert row["compared"] == 0, "nobody asked"


async def test_what_fails_becomes_a_dead_letter_only_where_that_is_asked_for(shop: Shop) -> None:
    async def refuse(_: web.Request, __: bytes) -> web.Response:
        return web.Response(status=422)

    await shop.publish("a1")
    await shop.hello.until(1)
    target = DeadLetter("file", "dead.jsonl")
    await shop.running.apply(orders(dead_letter=target, on_exhausted=OnExhausted.DEAD_LETTER))
    shop.hello.behaviour = refuse
    assert counts(await replayed(shop.running)) == {"read": 1, "failed": 1}
    report = await replayed(shop.running, deadLetter=True)
    assert counts(report) == {"read": 1, "failed": 1, "deadLettered": 1}
    shop.next.seen.clear()
    report = await replayed(
        shop.running, fromDeadLetters=True, target="next", compare=True, start=""
    )
    assert counts(report) == {"read": 1, "delivered": 1}
    (row,) = report["functions"]
    assert (row["compared"], row["differing"]) == (1, 1)
    assert row["differences"][0]["live"] == 422
    assert len(await replayed_again(shop)) == 1, "letters stay"


async def replayed_again(shop: Shop) -> list[str]:
    """Replay the letters once more; return what came."""
    shop.next.seen.clear()
    await replayed(shop.running, fromDeadLetters=True, target="next", start="")
    return bodies(shop.next)


async def test_a_replay_that_is_stopped_ends_at_once_and_repeats_nothing_live(shop: Shop) -> None:
    async def hang(_: web.Request, __: bytes) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    await shop.publish(*(f"a{number}" for number in range(40)))
    await shop.hello.until(40)
    shop.next.behaviour = hang
    replay, told = prepared(shop.running, target="next", concurrency=4), Told()
    running = asyncio.create_task(replay.run(told))
    await shop.next.until(4)
    running.cancel()
    await asyncio.wait([running], timeout=10)
    assert running.cancelled()
    assert len(shop.next.seen) == 4
    assert await shop.consumers() == ["hello"]
    assert len(shop.hello.seen) == 40


async def test_a_server_that_restarts_costs_no_event_and_repeats_none(shop: Shop) -> None:
    await shop.publish(*(f"a{number}" for number in range(600)))
    await shop.hello.until(600, 30)
    replay, told = prepared(shop.running, target="next", rate=400), Told()
    running = asyncio.create_task(replay.run(told))
    await shop.next.until(50, 30)
    shop.server.kill()
    await shop.server.ended()
    await shop.server.start()
    async with asyncio.timeout(60):
        await running
    assert counts(told.report) == {"read": 600, "delivered": 600}, told.report["error"]
    assert sorted(bodies(shop.next)) == sorted(f"a{number}" for number in range(600))


async def test_a_function_that_is_away_holds_the_replay_up_and_fails_no_event(shop: Shop) -> None:
    away = True

    async def sometimes(_: web.Request, __: bytes) -> web.Response:
        return web.Response(status=503 if away else 200)

    await shop.publish(*(f"a{number}" for number in range(20)))
    await shop.hello.until(20)
    await shop.running.apply(orders(retry=3, backoff_delay=0.2))
    shop.next.behaviour = sometimes
    told = Told()
    running = asyncio.create_task(prepared(shop.running, target="next").run(told))
    await shop.next.until(6)
    async with asyncio.timeout(20):
        while not any(line.get("breaker") == "open" for line in told.lines):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # told once a second
    away = False
    async with asyncio.timeout(30):
        await running
    assert counts(told.report) == {"read": 20, "delivered": 20}


async def test_what_cannot_be_replayed_is_refused_with_the_reason(shop: Shop) -> None:
    with pytest.raises(NotRunning, match="no trigger default/others runs here"):
        prepared(shop.running, trigger="others")
    with pytest.raises(ConfigError, match="no process of function default/nobody takes calls"):
        prepared(shop.running, target="nobody")
    with pytest.raises(ConfigError, match="keeps no dead letters; there are none to replay"):
        prepared(shop.running, fromDeadLetters=True)
    with pytest.raises(ConfigError, match="so what fails cannot go there"):
        prepared(shop.running, deadLetter=True)
    jetstream = shop.client.jetstream()
    await jetstream.add_stream(name="WORK", subjects=["work.*"], retention="workqueue")
    source = NatsSubject("work.*", "hello", jetstream=JetStreamConsumer("work"))
    await shop.running.apply(replace(orders(), source=source))
    report = await replayed(shop.running)
    assert "is a work queue, which forgets what was taken" in report["error"]
    nowhere = NatsSubject("nowhere.*", "hello", jetstream=JetStreamConsumer("nowhere"))
    await shop.running.apply(replace(orders(), source=nowhere))
    assert (
        "no JetStream stream holds the subject nowhere.*" in (await replayed(shop.running))["error"]
    )
    await shop.running.apply(replace(orders(), source=NatsSubject("orders.*", "hello")))
    assert "core NATS keeps no messages" in (await replayed(shop.running))["error"]
