"""Topics as those who run a cluster make, list and remove them, on the real broker."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer

from gateway.errors import ConfigError, SinkUnavailable
from gateway.kafka.cluster import Cluster
from gateway.kafka.topic import Record, Topic
from gateway.kafka.topics import Topics, own_cluster
from gateway.settings import KafkaSettings
from tests.fakes.ports import free_port
from tests.integration.kafka.bench import Bench
from tests.integration.up.running import running


@pytest.fixture
async def topics(bench: Bench) -> Topics:
    """The topics of the shared broker."""
    settings = KafkaSettings(brokers=(bench.broker.address,))
    return Topics(await own_cluster(settings), settings)


@pytest.fixture
def name() -> str:
    """A topic of this test alone."""
    return f"topics-{uuid4().hex[:8]}"


async def test_a_topic_is_made_listed_and_removed(topics: Topics, name: str) -> None:
    await topics.create(Topic(name, partitions=3))
    assert Topic(name, 3, 1) in await topics.listed()
    await topics.delete(name)
    assert name not in [one.name for one in await topics.listed()]


async def test_a_record_that_was_published_is_stored(topics: Topics, name: str) -> None:
    await topics.create(Topic(name))
    record = Record(name, b"hello", b"key", {"a": "b"})
    assert await topics.publish(record) == (0, 0)
    assert await topics.publish(record) == (0, 1)
    consumer = AIOKafkaConsumer(
        name, bootstrap_servers=list(topics.cluster.brokers), auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        read = await consumer.getone()
    finally:
        await consumer.stop()
    assert (read.value, read.key, read.headers) == (b"hello", b"key", (("a", b"b"),))


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        (Topic("not a name"), "that is no name of a topic"),
        (Topic("too-many-copies", replicas=9), "there are not so many brokers"),
    ],
)
async def test_what_the_brokers_refuse_is_a_sentence(
    topics: Topics, topic: Topic, words: str
) -> None:
    with pytest.raises(ConfigError, match=f"creating topic {topic.name}: {words}"):
        await topics.create(topic)


async def test_a_topic_is_made_once(topics: Topics, name: str) -> None:
    await topics.create(Topic(name))
    with pytest.raises(ConfigError, match="it is there already"):
        await topics.create(Topic(name))


async def test_what_is_not_there_is_neither_removed_nor_written_to(
    topics: Topics, name: str
) -> None:
    with pytest.raises(ConfigError, match="there is no such topic"):
        await topics.delete(name)
    with pytest.raises(ConfigError, match=f"tidegate topic create {name}"):
        await topics.publish(Record(name, b"lost"))


async def test_brokers_that_do_not_answer_are_said_in_time(name: str) -> None:
    settings = KafkaSettings(brokers=(f"127.0.0.1:{free_port()}",), connect_timeout=1.0)
    topics = Topics(Cluster(settings.brokers, {}), settings)
    sentence = (
        r"the brokers 127.0.0.1:\d+ do not answer: no connection; "
        r"start them, or name others with --brokers or KAFKA_BROKERS$"
    )
    with pytest.raises(SinkUnavailable, match=sentence):
        await topics.create(Topic(name))


async def test_a_gateway_does_it_for_who_reaches_no_broker(
    bench: Bench, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BROKERS", bench.broker.address)
    async with running(tmp_path) as up:
        monkeypatch.delenv("KAFKA_BROKERS")
        made = await up.command("topic", "create", name, "--partitions", "2")
        assert (made.code, made.err) == (0, f"Created topic {name}.\n")
        again = await up.command("topic", "create", name)
        assert again.code == 1 and "it is there already" in again.err
        stored = await up.command("topic", "publish", "--topic", name, "--data", "é", "--key", "k")
        assert stored.out.endswith(f" of {name} as 0\n"), stored
        assert (
            f'"name": "{name}",\n    "partitions": 2'
            in (await up.command("topic", "ls", "-o", "json")).out
        )
        assert (await up.command("topic", "delete", name)).code == 0
        assert name not in (await up.command("topic", "list")).out.split()
