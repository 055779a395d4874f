"""The core NATS source against a real server."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError

from gateway.core.delivery import Answer, Outcome
from gateway.errors import AttemptTimeout, SinkUnavailable, SourceUnavailable
from gateway.nats.connection import Connection, Server
from gateway.settings import LimitSettings
from gateway.sources.nats.core import CoreReader
from tests.fakes.nats_server import NatsServer
from tests.fakes.ports import free_port
from tests.integration.nats.bench import Bench, RecordingIntake, Running, core
from tests.support.waiting import until


async def listening(bench: Bench, intake: RecordingIntake | None = None, **fields) -> Running:
    """Return a source whose subscription the server has confirmed."""
    running = bench.start(core(**fields), intake)
    await running.intake.until(lambda: running.intake.polls > 0)
    return running


async def asked(running: Running, client: Client, answer, outcome, error=None):
    """Return the reply to a request whose delivery ends as told."""
    request = asyncio.create_task(client.request("orders", b"?", timeout=5))
    (delivery,) = await running.intake.received(1)
    delivery.last_error = error
    running.intake.answer(delivery, answer, outcome)
    return await request


async def test_a_message_becomes_an_event_of_its_subject(bench: Bench, client: Client) -> None:
    running = await listening(bench, subject="orders.*")
    await client.publish("orders.eu", b"hello", headers={"Nats-Msg-Id": "m-1"})
    (delivery,) = await running.intake.received(1)
    event = delivery.event
    assert (event.id, event.source, event.subject) == ("m-1", "nats:orders.*", "orders.eu")
    assert (event.type, event.data) == ("io.nats.core.message", b"hello")
    assert not running.source.redelivers


@pytest.mark.regression("nats-py: a subscription has one message at a time in its callback")
async def test_replicas_of_one_queue_share_the_messages(bench: Bench, client: Client) -> None:
    first, second = await listening(bench), await listening(bench)
    for number in range(200):
        await client.publish("orders", b"%d" % number)
    both = (first.intake, second.intake)
    await first.intake.until(lambda: sum(len(one.deliveries) for one in both) == 200)
    assert all(one.deliveries for one in both)


async def test_who_asks_gets_the_functions_answer(bench: Bench, client: Client) -> None:
    running = await listening(bench)
    answer = Answer(201, ((b"content-type", b"text/plain"),), b"made")
    reply = await asked(running, client, answer, Outcome.DELIVERED)
    assert reply.data == b"made"
    assert reply.headers == {"Function-Status": "201", "Content-Type": "text/plain"}


@pytest.mark.parametrize(
    ("answer", "outcome", "error", "code"),
    [
        (Answer(422, (), b"no"), Outcome.DEAD_LETTERED, None, "422"),
        (None, Outcome.DROPPED, SinkUnavailable("refused"), "503"),
        (None, Outcome.DROPPED, AttemptTimeout("late"), "504"),
        (None, Outcome.FILTERED, None, "404"),
        (None, Outcome.RELEASED, None, "500"),
    ],
)
async def test_who_asks_is_told_of_a_failure(
    bench: Bench, client: Client, answer, outcome, error, code
) -> None:
    reply = await asked(await listening(bench), client, answer, outcome, error)
    assert reply.headers["Nats-Service-Error-Code"] == code
    assert reply.headers["Nats-Service-Error"]


@pytest.mark.regression(
    "nats-py: a slow consumer is told of each message that it lost, in the read loop"
)
async def test_what_a_full_intake_cannot_take_is_lost_counted_and_said_once(
    server: NatsServer, client: Client, caplog
) -> None:
    connection = Connection(Server(server.url))
    await connection.open()
    intake = RecordingIntake(limit=10)
    reader = CoreReader("orders", core(), LimitSettings(queued_events=100), check_interval=0.2)
    task = asyncio.create_task(reader.run(connection, intake))
    await intake.until(lambda: intake.polls > 0)
    for number in range(1000):
        await client.publish("orders", b"%d" % number)
    await intake.received(10)
    await until(lambda: "slow consumer" in caplog.text, 10)
    intake.outcome = Outcome.DELIVERED
    intake.settle_all()
    await until(lambda: "keeping up again; " in caplog.text, 10)
    lost = 1000 - len(intake.deliveries)
    assert f"keeping up again; {lost} events were lost" in caplog.text
    assert intake.gone == lost
    assert caplog.text.count("slow consumer") == 1
    task.cancel()
    await asyncio.wait([task])
    await reader.close()
    await connection.close()


@pytest.mark.regression(
    "nats-py: a drain lets its PING overtake the UNSUB and loses what comes between"
)
async def test_reading_stops_and_what_the_client_had_is_still_pushed(
    bench: Bench, client: Client
) -> None:
    running = await listening(bench)
    for number in range(500):
        await client.publish("orders", b"%d" % number)
    await client.flush()
    await client.flush()  # the first PING overtakes what the client has buffered
    await running.stop_reading()
    assert len(running.intake.deliveries) == 500
    with pytest.raises(NoRespondersError):
        await client.request("orders", b"?", timeout=2)


async def test_what_a_full_intake_has_not_taken_when_reading_stops_counts_as_lost(
    bench: Bench, client: Client
) -> None:
    running = await listening(bench, RecordingIntake(limit=1))
    for number in range(50):
        await client.publish("orders", b"%d" % number)
    await client.flush()
    await running.intake.received(1)
    subscription = running.source._reader._subscription
    await until(lambda: subscription.pending_msgs >= 48, 10)
    await running.stop_reading()
    assert len(running.intake.deliveries) + running.intake.gone == 50


async def test_a_replica_that_leaves_under_load_takes_nothing_with_it(
    bench: Bench, client: Client
) -> None:
    stays = await listening(bench, RecordingIntake(1 << 20))
    taken = 0
    for _ in range(5):
        leaves = await listening(bench, RecordingIntake(1 << 20))
        before = len(stays.intake.deliveries)
        for number in range(1000):
            await client.publish("orders", b"%d" % number)
            if number == 500:
                leaving = asyncio.create_task(leaves.stop_reading())
            if number % 10 == 0:
                await asyncio.sleep(0)
        await leaving
        await until(
            lambda left=leaves, seen=before: (
                len(left.intake.deliveries) + len(stays.intake.deliveries) - seen == 1000
            ),
            5,
        )
        taken += len(leaves.intake.deliveries)
    assert taken, "or nobody left under load"


async def test_a_restarted_server_is_read_again(
    bench: Bench, server: NatsServer, client: Client
) -> None:
    running = await listening(bench)
    polls = running.intake.polls
    await server.restart(0.3)
    await running.intake.until(lambda: running.intake.polls > polls)
    await until(lambda: client.is_connected, 10)
    await client.publish("orders", b"after")
    assert (await running.intake.received(1))[0].event.data == b"after"


async def test_sources_that_log_in_alike_share_one_connection(bench: Bench) -> None:
    first, second = await listening(bench), await listening(bench, subject="bills")
    assert first.source._reader._connection is second.source._reader._connection


async def test_a_server_that_is_not_there_is_said_at_once() -> None:
    port = free_port()
    bench = Bench(f"nats://admin:hunter2@127.0.0.1:{port}")
    error = await bench.start(core()).failure()
    assert isinstance(error, SourceUnavailable)
    assert str(error).startswith(
        f"NATSTrigger default/orders: connecting to nats://127.0.0.1:{port}: "
    )
    assert "hunter2" not in str(error)
    await bench.close()
