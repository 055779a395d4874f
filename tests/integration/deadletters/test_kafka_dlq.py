"""Dead letters in a Kafka topic: read again, redriven once, and thrown away as far as Kafka can.

The broker from memory knows no DeleteRecords; Apache Kafka does, in the slow lane.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from gateway.core.dead_letter import Letter, dead_letter
from gateway.core.delivery import Delivery
from gateway.errors import SinkUnavailable
from gateway.letters.selection import Selection
from gateway.redrive import Result
from gateway.settings import KafkaSettings, Settings
from gateway.sinks.kafka import record_headers
from tests.fakes.function_server import FunctionServer, function_server
from tests.fakes.kafka_broker import ApacheKafka, KafkaBroker, TansuBroker
from tests.support.events import delivery, subscription
from tests.support.gateways import Running, running_gateway
from tidegate.api.subscription import DeadLetter, OnExhausted, Subscription

EVERY = Selection()
FAST = 1000.0
BROKERS = {"tansu": TansuBroker, "apache": ApacheKafka}
SLOW = pytest.param("apache", marks=pytest.mark.slow)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["tansu", SLOW])
async def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[KafkaBroker]:
    if request.param == "apache" and (missing := ApacheKafka.missing()):
        pytest.skip(missing)
    async with BROKERS[request.param](tmp_path_factory.mktemp("kafka")) as one:
        yield one


class Desk:
    """A topic of dead letters, the gateway of the trigger that wrote them, and its function."""

    def __init__(self, broker: KafkaBroker, running: Running, function: FunctionServer) -> None:
        self.broker = broker
        self.running = running
        self.function = function
        ((self.orders, _),) = running.gateway.subscriptions()
        target = self.orders.policy.dead_letter
        assert target is not None
        self.topic = target.target
        self.producer = AIOKafkaProducer(bootstrap_servers=broker.address)

    async def write(self, *names: str, partition: int = 0) -> None:
        """Write letters as the sink does, or what is no letter where a name is empty."""
        for name in names:
            if name:
                headers = record_headers(dead_letter(failed(name), self.orders))
                sent = self.producer.send(
                    self.topic, name.encode(), b"k", partition, headers=headers
                )
            else:
                sent = self.producer.send(self.topic, b"foreign", b"k", partition)
            await (await sent)

    async def letters(self, selection: Selection = EVERY) -> list[Letter]:
        """Return the letters that are there."""
        async with aclosing(self.running.gateway.dead_letters.letters(selection)) as found:
            return [letter async for _, letter in found]

    async def names(self) -> list[str]:
        """Return what the letters carry."""
        return [(letter.event.data or b"").decode() for letter in await self.letters()]

    async def redriven(self, *names: str) -> list[Result]:
        """Redrive the letters of these names, or all, and return what was told."""
        results: list[Result] = []

        async def tell(result: Result) -> None:
            results.append(result)

        selection = Selection(ids=frozenset([letter_id(self.orders, name) for name in names]))
        await self.running.gateway.dead_letters.redrive(selection, FAST, tell)
        return results

    async def begins(self) -> int:
        """Return the first offset that the broker still has."""
        return (await self.offsets())[0]

    async def offsets(self) -> tuple[int, int]:
        """Return the first offset of partition 0, and the one after its last."""
        place = TopicPartition(self.topic, 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.broker.address)
        await consumer.start()
        try:
            begin = await consumer.beginning_offsets([place])
            end = await consumer.end_offsets([place])
        finally:
            await consumer.stop()
        return begin[place], end[place]


def failed(name: str) -> Delivery:
    """Return a delivery that was given up."""
    one = delivery(name, key=b"k")
    one.event = one.event._replace(data=name.encode(), extensions={"kafkaheadershop": "north"})
    return one


def letter_id(orders: Subscription, name: str) -> str:
    """Return the id of the letter that `failed` becomes."""
    return dead_letter(failed(name), orders).extensions["tidegateletter"]


async def refuse_bad(_: web.Request, body: bytes) -> web.Response:
    """Take every event but those whose name begins with bad."""
    return web.Response(status=422 if body.startswith(b"bad") else 200)


@asynccontextmanager
async def desk_of(
    broker: KafkaBroker, topic: str, request_timeout: float = 10.0
) -> AsyncIterator[Desk]:
    """Run a gateway whose trigger has its dead letters in `topic`."""
    kafka = KafkaSettings(brokers=(broker.address,), request_timeout=request_timeout)
    target = DeadLetter("kafka", topic)
    orders = subscription(dead_letter=target, on_exhausted=OnExhausted.DEAD_LETTER)
    async with (
        function_server(refuse_bad) as function,
        running_gateway([orders], {"hello": [function.address]}, Settings(kafka=kafka)) as running,
    ):
        desk = Desk(broker, running, function)
        await desk.producer.start()
        try:
            yield desk
        finally:
            await desk.producer.stop()


async def fresh_topic(broker: KafkaBroker) -> str:
    """Create a topic that no other test uses."""
    topic = f"dead.{time.monotonic_ns()}"
    await broker.create_topic(topic, partitions=2)
    return topic


@pytest.fixture
async def desk(broker: KafkaBroker) -> AsyncIterator[Desk]:
    async with desk_of(broker, await fresh_topic(broker)) as one:
        yield one


async def test_letters_are_read_as_they_were_written(desk: Desk) -> None:
    await desk.write("a", "", "b")
    await desk.write("c", partition=1)
    found = await desk.letters()
    assert [letter.event for letter in found] == [failed(name).event for name in "abc"]
    assert [letter.id for letter in found] == [letter_id(desk.orders, name) for name in "abc"]
    assert await desk.letters(Selection(trigger="another")) == []


async def test_a_redriven_letter_is_not_listed_again_and_the_others_are(desk: Desk) -> None:
    await desk.write("a", "bad 1", "b", "c")
    results = await desk.redriven("a", "bad 1", "c")
    assert sorted(bool(result.error) for result in results) == [False, False, True]
    assert await desk.names() == ["bad 1", "b"]
    results = await desk.redriven()
    assert sorted(bool(result.error) for result in results) == [False, True]
    assert await desk.names() == ["bad 1"]
    taken = [seen.body for seen in desk.function.seen if not seen.body.startswith(b"bad")]
    assert sorted(taken) == [b"a", b"b", b"c"], "none was delivered twice"
    (shop,) = {seen.headers["ce-kafkaheadershop"] for seen in desk.function.seen}
    assert shop == "north"


async def test_a_letter_that_comes_after_its_mark_is_another_failure(desk: Desk) -> None:
    await desk.write("a")
    await desk.redriven()
    assert await desk.names() == []
    await desk.write("a")
    assert await desk.names() == ["a"]


async def test_what_was_delivered_but_not_marked_is_listed_again(broker: KafkaBroker) -> None:
    async def freeze(_: web.Request, __: bytes) -> web.Response:
        broker.freeze()
        return web.Response()

    async with desk_of(broker, await fresh_topic(broker), request_timeout=3.0) as desk:
        await desk.write("a", "b")
        desk.function.behaviour = freeze
        try:
            with pytest.raises(SinkUnavailable, match="marking the dead letters in Kafka topic"):
                await desk.redriven("a")
        finally:
            broker.thaw()
        assert await desk.names() == ["a", "b"]


async def test_many_letters_are_read_page_by_page(desk: Desk) -> None:
    names = [f"{number:04}" for number in range(450)]
    await desk.write(*names)
    assert await desk.names() == names
    async with aclosing(desk.running.gateway.dead_letters.letters(EVERY)) as found:
        _, first = await anext(found)
    assert first.event.data == b"0000"


async def test_what_is_purged_is_listed_no_more_and_is_deleted_where_that_can_be(
    desk: Desk,
) -> None:
    await desk.write("a", "b", "c")
    selection = Selection(ids=frozenset([letter_id(desk.orders, "a")]))
    purged = await desk.running.gateway.dead_letters.purge(selection)
    assert (purged.count, await desk.names()) == (1, ["b", "c"])
    if isinstance(desk.broker, ApacheKafka):
        assert (purged.remarks, await desk.begins()) == ((), 1)
    else:
        assert "they are not listed any more, and retention deletes them" in purged.remarks[0]


async def test_a_record_that_stays_keeps_what_stands_behind_it(desk: Desk) -> None:
    await desk.write("a", "", "b", "c")
    purged = await desk.running.gateway.dead_letters.purge(EVERY)
    assert (purged.count, await desk.names()) == (3, [])
    if isinstance(desk.broker, ApacheKafka):
        assert "2 removed letters still lie in Kafka topic dead" in purged.remarks[0]
        assert await desk.begins() == 1, "what is no letter is not ours to delete"


async def test_a_purge_deletes_what_was_redriven_and_the_marks(desk: Desk) -> None:
    await desk.write("a", "b")
    await desk.redriven()
    purged = await desk.running.gateway.dead_letters.purge(EVERY)
    assert purged.count == 0
    if isinstance(desk.broker, ApacheKafka):
        begin, end = await desk.offsets()
        assert begin == end


async def test_a_topic_that_is_not_there_is_said(broker: KafkaBroker) -> None:
    async with desk_of(broker, "nowhere") as desk:
        with pytest.raises(SinkUnavailable, match="no such topic; create it"):
            await desk.letters()


async def test_brokers_that_are_away_are_said(tmp_path: Path) -> None:
    async with desk_of_nobody(TansuBroker(tmp_path)) as running:
        with pytest.raises(SinkUnavailable, match="reading the dead letters in Kafka topic dead"):
            async with aclosing(running.gateway.dead_letters.letters(EVERY)) as found:
                await anext(found)


@asynccontextmanager
async def desk_of_nobody(broker: KafkaBroker) -> AsyncIterator[Running]:
    """Run a gateway whose brokers were never started."""
    kafka = KafkaSettings(brokers=(broker.address,), connect_timeout=1.0)
    target = DeadLetter("kafka", "dead")
    orders = subscription(dead_letter=target, on_exhausted=OnExhausted.DEAD_LETTER)
    async with running_gateway([orders], {}, Settings(kafka=kafka)) as running:
        yield running
