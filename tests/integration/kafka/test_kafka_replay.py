"""A topic is replayed by time, in no group: the live group's offsets stay where they are."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aiohttp import web
from aiokafka import AIOKafkaProducer

from gateway.settings import Settings
from tests.fakes.function_server import FunctionServer, function_server
from tests.fakes.kafka_broker import AdminClient
from tests.fakes.ports import free_port
from tests.integration.kafka.bench import PATIENCE, Bench
from tests.support.gateways import Running, running_gateway
from tests.support.replays import Told, ago, counts, prepared, replayed
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, KafkaTopic, Ordering, Subscription

NOON = ago(hours=2).replace(microsecond=0)
KEYS = 7


def trigger(bench: Bench) -> Subscription:
    """Return the trigger `orders`, which feeds `hello`."""
    policy = DeliveryPolicy(retry=1, backoff_delay=0.01, ordering=Ordering.KEY)
    spec = KafkaTopic(bench.topic, bench.group)
    return Subscription("default", "KafkaTrigger", "orders", "hello", spec, policy=policy)


@dataclass
class Shop:
    """A gateway between a topic of three partitions and `hello`; `next` is another function."""

    bench: Bench
    running: Running
    hello: FunctionServer
    next: FunctionServer

    async def publish(self, numbers: Iterable[int], *, every: float = 1.0) -> None:
        """Publish numbered records, `every` so many seconds after NOON one."""
        async with AIOKafkaProducer(bootstrap_servers=self.bench.broker.address) as producer:
            for number in numbers:
                at = int((NOON.timestamp() + number * every) * 1000)
                key = b"k%d" % (number % KEYS)
                await producer.send(self.bench.topic, b"%d" % number, key, timestamp_ms=at)
            await producer.flush()

    async def publish_now(self, number: int) -> None:
        """Publish one record with the time of now."""
        await self.bench.publish(1, first=number)

    async def groups(self) -> set[str]:
        """Return the names of all groups of the broker."""
        async with AdminClient(self.bench.broker.address) as admin:
            return {name for name, _ in await admin.list_consumer_groups()}


@asynccontextmanager
async def shop(bench: Bench) -> AsyncIterator[Shop]:
    await bench.create(partitions=3)
    settings = Settings(kafka=replace(bench.settings, brokers=(bench.broker.address,)))
    async with (
        function_server() as hello,
        function_server() as other,
        running_gateway(
            [trigger(bench)], {"hello": [hello.address], "next": [other.address]}, settings
        ) as running,
    ):
        yield Shop(bench, running, hello, other)


def numbers(function: FunctionServer) -> list[int]:
    """Return what a function was sent."""
    return [int(seen.body) for seen in function.seen]


def assert_in_order(function: FunctionServer) -> None:
    """Check that no key's record came before an earlier one."""
    keys = defaultdict(list)
    for number in numbers(function):
        keys[number % KEYS].append(number)
    assert all(one == sorted(one) for one in keys.values())


async def test_the_live_group_stands_where_it_stood(bench: Bench) -> None:
    held = asyncio.Event()

    async def hang(_: web.Request, __: bytes) -> web.Response:
        await held.wait()
        return web.Response()

    async with shop(bench) as one:
        await one.publish(range(30))
        await one.hello.until(30, PATIENCE)
        await bench.until_stored(lambda stored: sum(at for at, _ in stored.values()) == 30)
        one.hello.behaviour = hang
        await one.publish(range(30, 60))
        await one.hello.until(30 + KEYS, PATIENCE)
        before, groups = await bench.stored(), await one.groups()
        report = await replayed(one.running, target="next", start=NOON)
        assert counts(report) == {"read": 60, "delivered": 60}
        assert sorted(numbers(one.next)) == list(range(60))
        assert_in_order(one.next)
        assert await bench.stored() == before
        assert await one.groups() == groups, "no group was made for it"
        held.set()
        await bench.until_stored(lambda stored: sum(at for at, _ in stored.values()) == 60)
        assert sorted(numbers(one.hello)) == list(range(60)), "the live trigger had each once"


async def test_counts_are_right_under_live_traffic(bench: Bench) -> None:
    async with shop(bench) as one:
        await one.publish(range(500))
        await one.hello.until(500, PATIENCE)
        over, sent = asyncio.Event(), 500

        async def flow() -> None:
            nonlocal sent
            while not over.is_set():
                await one.publish_now(sent)
                sent += 1

        flowing = asyncio.create_task(flow())
        try:
            end = NOON + timedelta(seconds=500)
            report = await replayed(one.running, target="next", start=NOON, end=end)
            tail = await replayed(one.running, target="next", start=end)
        finally:
            over.set()
            await flowing
        assert counts(report) == {"read": 500, "delivered": 500}
        assert sorted(numbers(one.next))[:500] == list(range(500))
        assert tail["delivered"] == tail["read"] <= sent - 500, "it ended; the topic did not"
        await one.hello.until(sent, PATIENCE)
        await bench.until_stored(lambda stored: sum(at for at, _ in stored.values()) == sent)
        assert sorted(numbers(one.hello)) == list(range(sent))
        await until(lambda: one.running.outcomes("orders") == {"delivered": sent}, timeout=30)


async def test_a_window_has_what_is_exactly_at_its_start_and_not_what_is_at_its_end(
    bench: Bench,
) -> None:
    async with shop(bench) as one:
        await one.publish(range(20))
        for start, end, wanted in (
            (5, 10, range(5, 10)),
            (10, 11, range(10, 11)),
            (0, 1, range(1)),
            (18.001, 100, range(19, 20)),
        ):
            one.next.seen.clear()
            report = await replayed(one.running, target="next", start=at(start), end=at(end))
            assert sorted(numbers(one.next)) == list(wanted)
            assert report["read"] == len(wanted)
        assert counts(await replayed(one.running, target="next", start=at(100))) == {}


def at(seconds: float) -> datetime:
    """Return so many seconds after NOON."""
    return (NOON + timedelta(seconds=seconds)).astimezone(UTC)


async def test_a_filter_a_target_and_a_rate_hold_together(bench: Bench) -> None:
    async with shop(bench) as one:
        await one.publish(range(60))
        told = Told()
        wanted = [{"exact": {"partitionkey": "k3"}}]
        replay = prepared(one.running, target="next", start=NOON, filters=wanted, rate=4)
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(60):
            await replay.run(told)
        passed = loop.time() - began
        assert counts(told.report) == {"read": 60, "delivered": 9, "filtered": 51}
        assert numbers(one.next) == [number for number in range(60) if number % KEYS == 3]
        assert passed >= (9 - 1 - 1) / 4, "nine events at four a second, but for a first burst"
        assert told.lines[0]["replay"] == told.report["replay"]
        assert any(line.get("total") == 60 for line in told.lines)


async def test_a_replay_that_is_cut_off_leaves_the_group_alone(bench: Bench) -> None:
    async def hang(_: web.Request, __: bytes) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with shop(bench) as one:
        await one.publish(range(50))
        await one.hello.until(50, PATIENCE)
        await bench.until_stored(lambda stored: sum(at for at, _ in stored.values()) == 50)
        before = await bench.stored()
        one.next.behaviour = hang
        replay = prepared(one.running, target="next", start=NOON, concurrency=3)
        running = asyncio.create_task(replay.run(Told()))
        await one.next.until(3, PATIENCE)
        running.cancel()
        await asyncio.wait([running], timeout=PATIENCE)
        assert running.cancelled()
        assert len(one.next.seen) == 3
        assert await bench.stored() == before


async def test_a_topic_that_is_gone_is_said(bench: Bench) -> None:
    async with shop(bench) as one:
        async with AdminClient(bench.broker.address) as admin:
            await admin.delete_topics([bench.topic])
        report = await replayed(one.running, target="next", start=NOON)
        assert report["error"].endswith("the brokers have none of them; correct the trigger")
        assert report["unavailable"] is False


async def test_brokers_that_are_away_are_said_with_what_to_do(bench: Bench) -> None:
    async with shop(bench) as one:
        away = KafkaTopic(bench.topic, bench.group, brokers=(f"127.0.0.1:{free_port()}",))
        await one.running.apply(replace(trigger(bench), source=away))
        report = await replayed(one.running, start=NOON)
        assert report["error"].endswith("cannot be reached; start them, or correct spec.brokers")
        assert report["unavailable"] is True
