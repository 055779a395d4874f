"""A connection that many share outlives what one of them does to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.errors import SlowConsumerError

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


@pytest.mark.regression("nats-py: after sixty attempts in vain the client is closed for ever")
async def test_a_server_that_stays_away_for_long_is_read_again(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.nats.connection.RECONNECT_WAIT", (0.002, 0.002))
    one = Connection(Server(server.url))
    await one.open()
    server.kill()
    await server.ended()
    await until(lambda: one.client._current_server.reconnects > 70, 30)
    assert not one.client.is_closed
    await server.start()
    async with asyncio.timeout(15):
        await one.online.wait()
    await still_reads(one)
    await one.close()


@pytest.mark.regression("nats-py: a callback that raises ends the reconnecting for ever")
async def test_no_callback_raises_whatever_it_is_told(connection: Connection) -> None:
    broken = UnicodeDecodeError("utf-8", b"x", 0, 1, "broken")
    for error in (Exception(), SlowConsumerError("s", "r", 1, None), OSError(104, "reset"), broken):
        await connection._on_error(error)
    await connection._on_disconnected()
    await connection._on_disconnected()
    await connection._on_reconnected()
    await still_reads(connection)


@pytest.mark.regression("nats-py: a link that is half open is seen after four minutes")
async def test_a_dead_link_is_looked_for_every_twenty_seconds(connection: Connection) -> None:
    options = connection.client.options
    assert (options["ping_interval"], options["max_outstanding_pings"]) == (20.0, 2)
