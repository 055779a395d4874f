"""What brokers do to a reader: transactions, compression, silence."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from gateway.errors import SourceUnavailable
from tests.fakes.kafka_broker import TansuBroker
from tests.integration.kafka.bench import PATIENCE, Bench, unique
from tests.support.waiting import until


async def transact(bench: Bench, value: bytes, *, commit: bool) -> None:
    """Write one record in a transaction of its own."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bench.broker.address, transactional_id=unique("writer")
    )
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(bench.topic, value)
    await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()


@pytest.mark.regression("aiokafka: counts the markers of transactions as records behind")
async def test_aborted_records_are_not_read_and_the_lag_ends_at_zero(bench: Bench) -> None:
    """Guards: markers of transactions are no records, so the lag of such a topic ends at 0."""
    await bench.create()
    await transact(bench, b"yes", commit=True)
    await transact(bench, b"no", commit=False)
    async with bench.reading() as reader:
        await reader.until(1)
        reader.intake.settle()
        await until(lambda: reader.intake.behind == 0, timeout=PATIENCE)
        assert reader.values() == [b"yes"]


async def test_uncommitted_records_are_read_by_those_who_ask(bench: Bench) -> None:
    await bench.create()
    await transact(bench, b"no", commit=False)
    async with bench.reading(isolation="read_uncommitted") as reader:
        await reader.until(1)
        assert reader.values() == [b"no"]
        reader.intake.settle()


async def test_tombstones_keys_and_headers_arrive(bench: Bench) -> None:
    await bench.create()
    await bench.publish(1, value=None, key=b"k", headers=[("tenant", b"t1")])
    async with bench.reading() as reader:
        (one,) = await reader.until(1)
        assert one.event.data is None
        assert one.key == b"k"
        assert one.partition == (bench.topic, 0)
        assert one.event.extensions["kafkaheadertenant"] == "t1"
        reader.intake.settle()


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_compression_is_read(bench: Bench, compression: str) -> None:
    await bench.create()
    async with AIOKafkaProducer(
        bootstrap_servers=bench.broker.address, compression_type=compression
    ) as producer:
        await producer.send_and_wait(bench.topic, b"x" * 2000)
    async with bench.reading() as reader:
        await reader.until(1)
        assert reader.values() == [b"x" * 2000]
        reader.intake.settle()


@pytest.mark.regression(
    "aiokafka: a cancelled getmany switches its own watch over idle members off for ever"
)
async def test_a_cancelled_run_leaves_the_poll_to_end_by_itself(bench: Bench) -> None:
    """Guards: a cancelled `getmany` switches the library's own watch off for ever."""
    await bench.create()
    await bench.publish(1)
    reader = bench.start()
    await reader.until(1)
    client = reader.source._client
    assert client is not None
    subscription = client._consumer._subscription
    await until(lambda: subscription._fetch_count == 1, timeout=PATIENCE)
    await reader.stop_reading()
    await until(lambda: subscription._fetch_count == 0, timeout=PATIENCE)
    reader.intake.settle()
    await reader.source.close()
    await bench.until_stored(lambda stored: stored.get(0) == (1, ""))


@pytest.mark.regression("aiokafka: throws away what it has fetched of a partition that is paused")
async def test_no_room_means_no_poll_and_what_was_fetched_is_kept(bench: Bench) -> None:
    """Guards: a paused partition loses what was fetched of it; ours is only not asked for."""
    await bench.create()
    await bench.publish(50)
    async with bench.reading(credit=10) as reader:
        await reader.until(10)
        client = reader.source._client
        assert client is not None
        buffered = client._consumer._fetcher._records
        await until(lambda: bool(buffered), timeout=PATIENCE)
        await asyncio.sleep(0.3)  # room to go wrong
        assert buffered
        assert not client._consumer.paused()
        while len(reader.intake.deliveries) < 50:
            reader.intake.settle()
            await reader.until(min(50, len(reader.intake.deliveries) + 1))
        reader.intake.settle()


@pytest.mark.regression("aiokafka: repeats a commit for ever while the coordinator is away")
async def test_a_commit_to_a_silent_broker_ends_by_its_deadline(tmp_path: Path) -> None:
    """Guards: the library repeats a commit for ever while the coordinator is away."""
    async with TansuBroker(tmp_path) as broker:
        bench = Bench(broker)
        bench.settings = replace(bench.settings, request_timeout=0.3)
        await bench.create()
        await bench.publish(3)
        reader = bench.start()
        await reader.until(3)
        broker.freeze()
        reader.intake.settle()
        async with asyncio.timeout(12):
            await reader.close()
        broker.thaw()


@pytest.mark.regression(
    "aiokafka: stop ends with the cancellation of a fetch that it cancelled itself"
)
async def test_a_stop_while_a_fetch_waits_to_be_repeated_ends_in_peace(tmp_path: Path) -> None:
    """Guards: the library's `stop` ends with the cancellation of a fetch that it cancelled."""
    async with TansuBroker(tmp_path) as broker:
        bench = Bench(broker)
        await bench.create()
        await bench.publish(1)
        reader = bench.start()
        await reader.until(1)
        client = reader.source._client
        assert client is not None
        reader.intake.settle()
        broker.kill()
        await broker.ended()
        connections = client._consumer._client._conns
        await until(
            lambda: not any(one.connected() for one in connections.values()), timeout=PATIENCE
        )
        await reader.close()


async def test_brokers_that_are_silent_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway")
    async with TansuBroker(tmp_path) as broker:
        bench = Bench(broker)
        await bench.create()
        async with bench.reading() as reader:
            await until(lambda: reader.intake.behind == 0, timeout=PATIENCE)
            broker.freeze()
            await until(lambda: "no broker has answered for" in caplog.text, timeout=PATIENCE)
            broker.thaw()
            await until(lambda: "the brokers answer again" in caplog.text, timeout=PATIENCE)
            assert caplog.text.count("no broker has answered") == 1


@pytest.mark.regression("aiokafka: a consumer whose fetcher has ended is silent for ever")
async def test_a_task_of_the_client_that_died_is_seen(bench: Bench) -> None:
    """Guards: a consumer whose fetcher has ended is silent for ever."""
    await bench.create()
    await bench.publish(1)
    async with bench.reading() as reader:
        await reader.until(1)
        reader.intake.settle()
        client = reader.source._client
        assert client is not None
        client._consumer._fetcher._fetch_task.cancel()
        error = await reader.failure()
        assert isinstance(error, SourceUnavailable)
        assert "a task of the Kafka client has ended" in str(error)
