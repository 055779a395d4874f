"""A connection that many share outlives what one of them does to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from gateway.nats.connection import Connection, Server
from tests.fakes.nats_server import NatsServer
from tests.integration.nats.bench import Bench, RecordingIntake, core
from tests.support.waiting import until


@pytest.fixture
async def connection(server: NatsServer) -> AsyncIterator[Connection]:
    one = Connection(Server(server.url))
    await one.open()
    yield one
    await one.close()


async def still_reads(connection: Connection) -> None:
    """Fail where nothing that the server sends gets through."""
    arrived = asyncio.Event()

    async def note(_: object) -> None:
        arrived.set()

    async with asyncio.timeout(10):
        await connection.client.subscribe("still.there", cb=note)
        await connection.client.publish("still.there", b"?")
        await arrived.wait()


@pytest.mark.regression("nats-py: the PONG of a flush that was cancelled ends the read loop")
async def test_who_gives_up_waiting_for_the_server_leaves_the_connection_to_others(
    connection: Connection,
) -> None:
    waiting = asyncio.create_task(connection.confirmed())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await still_reads(connection)


@pytest.mark.regression("nats-py: the PONG of a flush that timed out ends the read loop")
async def test_a_server_that_answers_late_is_read_again(
    server: NatsServer, connection: Connection
) -> None:
    server.freeze()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await connection.confirmed()
    server.thaw()
    await still_reads(connection)


@pytest.mark.regression("nats-py: flush returns at once when the read loop has died")
async def test_nothing_is_confirmed_that_nobody_has_confirmed(connection: Connection) -> None:
    assert connection.client._reading_task is not None
    connection.client._reading_task.cancel()
    await asyncio.wait([connection.client._reading_task])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await connection.confirmed()


@pytest.mark.regression("nats-py: a subscription whose drain was cut short is never removed")
async def test_a_subscription_whose_messages_nobody_took_is_gone(
    bench: Bench, client: Client
) -> None:
    stays = bench.start(core("bills"))
    await stays.intake.until(lambda: stays.intake.polls > 0)
    subscriptions = len(stays.source._reader._connection.client._subs)
    leaves = bench.start(core(), RecordingIntake(limit=1))
    await leaves.intake.until(lambda: leaves.intake.polls > 0)
    for number in range(50):
        await client.publish("orders", b"%d" % number)
    await client.flush()
    await leaves.intake.received(1)
    await until(lambda: leaves.source._reader._subscription.pending_msgs >= 48, 10)
    await leaves.close()
    assert len(stays.source._reader._connection.client._subs) == subscriptions
    leaves.intake.settle_all()
    await client.publish("bills", b"x")
    await stays.intake.received(1)
    assert len(leaves.intake.deliveries) == 1, "pushed after the end of reading"
