"""The JetStream source against a real server."""

from __future__ import annotations

import asyncio

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy

from gateway.core.delivery import Outcome
from gateway.errors import ConfigError, SourceUnavailable
from gateway.nats.connection import Connection
from gateway.nats.connection import Server as Address
from gateway.settings import LimitSettings
from gateway.sources.nats.jetstream import JetStreamReader, Timing
from tests.fakes.nats_server import NatsServer
from tests.integration.nats.bench import (
    Bench,
    RecordingIntake,
    Running,
    add_durable,
    publish,
    stream,
)
from tests.support.waiting import until


async def acked(client: Client, count: int, durable: str = "hello") -> None:
    """Return once the consumer has nothing pending and `count` messages behind its floor."""
    async with asyncio.timeout(15):
        while True:
            one = await client.jetstream().consumer_info("ORDERS", durable)
            if one.ack_floor.stream_seq >= count and not one.num_ack_pending:
                return
            await asyncio.sleep(0.02)  # the server tells nobody when its floor moves


async def made(bench: Bench, intake: RecordingIntake | None = None, **fields: object) -> Running:
    """Return a running source whose stream and consumer exist."""
    running = bench.start(stream(**fields), intake)
    reader = running.source._reader
    await until(lambda: reader._subscription is not None or running.task.done(), 10)
    if running.task.done():
        running.task.result()
    return running


async def test_a_message_becomes_an_event_with_the_identity_of_its_position(
    bench: Bench, client: Client
) -> None:
    running = await made(bench)
    await client.jetstream().publish("orders", b"hello", headers={"Content-Type": "text/plain"})
    (delivery,) = await running.intake.received(1)
    event = delivery.event
    assert (event.id, event.source, event.subject) == ("ORDERS:1", "nats:ORDERS", "orders")
    assert event.type == "io.nats.jetstream.message"
    assert event.extensions == {"sequence": "00000000000000000001"}
    assert (event.data, event.datacontenttype) == (b"hello", "text/plain")
    assert event.time is not None and event.time.endswith("Z")
    assert (delivery.key, delivery.attempts) == ("orders", 0)


async def test_what_was_settled_is_acknowledged_and_not_delivered_again(
    bench: Bench, client: Client
) -> None:
    running = await made(bench)
    await publish(client, 4)
    await running.intake.received(4)
    for one, outcome in zip(
        list(running.intake.deliveries),
        (Outcome.DELIVERED, Outcome.FILTERED, Outcome.DROPPED, Outcome.DEAD_LETTERED),
        strict=True,
    ):
        running.intake.settle(one, outcome)
    await acked(client, 4)


async def test_a_released_message_comes_again_with_the_attempts_that_were_made(
    bench: Bench, client: Client
) -> None:
    running = await made(bench)
    await publish(client, 1)
    (first,) = await running.intake.received(1)
    first.attempts = 3
    running.intake.settle_all(Outcome.RELEASED)
    again = (await running.intake.received(2))[1]
    assert (again.event.id, again.attempts) == ("ORDERS:1", 3)


@pytest.mark.regression("OpenFaaS: work that takes longer than ack_wait is done twice")
async def test_a_function_slower_than_ack_wait_gets_its_message_once(
    bench: Bench, client: Client
) -> None:
    running = await made(bench, ack_wait=0.6)
    await publish(client, 3)
    await running.intake.received(3)
    await asyncio.sleep(2)  # longer than three times ack_wait: the point of the test
    consumer = await client.jetstream().consumer_info("ORDERS", "hello")
    assert consumer.num_redelivered == 0
    assert len(running.intake.deliveries) == 3
    running.intake.settle_all()
    await acked(client, 3)


async def test_credit_bounds_what_is_read_of_a_backlog(bench: Bench, client: Client) -> None:
    intake = RecordingIntake(limit=100)
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await publish(client, 20_000)
    bench.start(stream(), intake)
    for count in range(100, 2_000, 100):
        await intake.received(count)
        intake.settle_all()
    intake.outcome = Outcome.DELIVERED
    intake.settle_all()
    await intake.received(20_000, 30)
    await acked(client, 20_000)
    assert intake.most_open <= 100
    assert len(intake.deliveries) == 20_000


@pytest.mark.regression("nats-py: a pull subscription drops what is beyond its pending bytes")
async def test_bytes_bound_what_is_asked_for(server: NatsServer, client: Client) -> None:
    bench = Bench(server.url, LimitSettings(queued_events=1000, queued_bytes=2 * 1024 * 1024))
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    for _ in range(40):
        await client.jetstream().publish("orders", b"x" * 500_000)
    running = bench.start(stream(), RecordingIntake(1000, most_bytes=2 * 1024 * 1024))
    await running.intake.until(lambda: running.intake.credit == 0)
    await asyncio.sleep(0.3)  # what must not come has no event
    assert running.intake.open_bytes <= 2 * running.intake.most_bytes
    running.intake.outcome = Outcome.DELIVERED
    running.intake.settle_all()
    await running.intake.received(40)
    await bench.close()


async def test_replicas_share_a_durable_without_overlap(bench: Bench, client: Client) -> None:
    first = await made(bench, RecordingIntake(50, Outcome.DELIVERED))
    second = await made(bench, RecordingIntake(50, Outcome.DELIVERED))
    await publish(client, 3000)
    await acked(client, 3000)
    one, two = set(first.intake.bodies()), set(second.intake.bodies())
    assert one and two
    assert not one & two
    assert len(one | two) == 3000


async def test_lag_is_what_the_stream_still_holds(bench: Bench, client: Client) -> None:
    intake = RecordingIntake(limit=10)
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await publish(client, 50)
    bench.start(stream(), intake)
    await intake.received(10)
    assert intake.last_lag == 40


@pytest.mark.regression(
    "nats-py: a drain with pull subscriptions hangs until its timeout, then drops"
)
async def test_a_stop_of_reading_loses_nothing_and_lets_the_rest_be_settled(
    bench: Bench, client: Client
) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await publish(client, 500)
    running = await made(bench, RecordingIntake(100))
    await running.intake.received(100)
    await running.stop_reading()
    running.intake.settle_all()
    await running.source.close()
    successor = bench.start(stream(), RecordingIntake(1000, Outcome.DELIVERED))
    await acked(client, 500)
    assert not set(running.intake.bodies()) & set(successor.intake.bodies())
    assert len(set(running.intake.bodies()) | set(successor.intake.bodies())) == 500


@pytest.mark.regression(
    "nats-py: what a cancelled fetch asked for comes to nobody until ack_wait is over"
)
async def test_messages_on_their_way_when_reading_stops_are_handed_back_at_once(
    bench: Bench, client: Client
) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    for _ in range(2000):
        await client.publish("orders", b"x" * 4000)
    await client.jetstream().publish("orders", b"last")
    running = bench.start(stream())
    await running.intake.received(1)
    await running.stop_reading()
    assert len(running.intake.deliveries) < 1000, "or nothing was on its way"
    running.intake.settle_all(Outcome.RELEASED)
    successor = bench.start(stream(), RecordingIntake(3000, Outcome.DELIVERED))
    await successor.intake.received(2001, 5)  # well below ack_wait, which is 30 s


@pytest.mark.regression("nats-py: pulling does not go on after a restart of the server")
async def test_kill_and_restart_under_load_lose_nothing(
    bench: Bench, server: NatsServer, client: Client
) -> None:
    running = await made(bench, RecordingIntake(200, Outcome.DELIVERED), ack_wait=2.0)
    for turn in range(3):
        await publish(client, 1000, first=turn * 1000)
        await running.intake.received(turn * 1000 + 100)
        await server.restart()
    await acked(client, 3000)
    assert {int(body) for body in running.intake.bodies()} == set(range(3000))


@pytest.mark.regression(
    "nats-py: acknowledgements are not awaited, and get lost while the server is away"
)
async def test_a_server_that_stays_away_is_read_again_and_late_settlements_reach_it(
    bench: Bench, server: NatsServer, client: Client
) -> None:
    running = await made(bench, ack_wait=1.0)
    await publish(client, 10)
    await running.intake.received(10)
    server.kill()
    await server.ended()
    running.intake.settle_all()
    await asyncio.sleep(2)  # longer than ack_wait: the server will deliver all of it again
    await server.start()
    await acked(client, 10)
    await publish(client, 5, first=10)
    await running.intake.until(lambda: len(set(running.intake.bodies())) == 15)
    assert len(running.intake.deliveries) == 15


async def test_a_source_that_ends_while_the_server_is_away_leaves_nothing_behind(
    bench: Bench, server: NatsServer
) -> None:
    leaves, stays = await made(bench), await made(bench, durable="other")
    client = stays.source._reader._client
    before = len(client._subs)
    server.kill()
    await server.ended()
    await until(lambda: not client.is_connected, 10)
    await leaves.close()
    assert len(client._subs) == before - 1


@pytest.mark.regression("nats-py: a consumer deleted during a fetch looks like an empty stream")
async def test_a_consumer_deleted_under_us_is_made_anew_where_it_was(
    bench: Bench, client: Client, caplog
) -> None:
    intake = RecordingIntake(200)
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await publish(client, 300)
    await made(bench, intake)
    await intake.received(200)
    for one in intake.deliveries[:20]:
        intake.settle(one)
    await client.jetstream().delete_consumer("ORDERS", "hello")
    for one in intake.deliveries[20:150]:
        intake.settle(one)
    await publish(client, 100, first=300)
    intake.outcome = Outcome.DELIVERED
    intake.settle_all()
    await intake.received(400)
    await acked(client, 400)
    assert len(intake.deliveries) == 400, "each came once"
    config = (await client.jetstream().consumer_info("ORDERS", "hello")).config
    assert config.deliver_policy == DeliverPolicy.BY_START_SEQUENCE
    assert "consumer ORDERS.hello was deleted; making it anew" in caplog.text


async def test_a_deleted_stream_is_said(bench: Bench, client: Client) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    running = await made(bench, create_stream=False)
    await publish(client, 1)
    await running.intake.received(1)
    await client.jetstream().delete_stream("ORDERS")
    error = await running.failure()
    assert isinstance(error, ConfigError)
    assert "no JetStream stream holds the subject orders" in str(error)


async def test_a_stream_made_anew_starts_the_source_over(bench: Bench, client: Client) -> None:
    running = await made(bench)
    await publish(client, 3)
    await running.intake.received(3)
    await client.jetstream().delete_stream("ORDERS")
    error = await running.failure()
    assert isinstance(error, SourceUnavailable)
    assert "starting over" in str(error)


async def test_no_stream_is_the_users_to_mend(bench: Bench) -> None:
    error = await bench.start(stream(create_stream=False)).failure()
    assert isinstance(error, ConfigError)
    assert str(error) == (
        "NATSTrigger default/orders: no JetStream stream holds the subject orders; create one,"
        " correct jetstream.stream, or set jetstream.createStream: true"
    )


@pytest.mark.regression("nats-py: a changed ack_wait of an existing durable has no effect")
async def test_a_changed_ack_wait_updates_the_durable_and_says_so(
    bench: Bench, client: Client, caplog
) -> None:
    await (await made(bench)).close()
    await made(bench, ack_wait=7.0, max_ack_pending=5)
    config = (await client.jetstream().consumer_info("ORDERS", "hello")).config
    assert (config.ack_wait, config.max_ack_pending) == (7.0, 5)
    assert "differs from the trigger in ack_wait, max_ack_pending; updating it" in caplog.text


async def test_an_unchanged_durable_is_left_alone(bench: Bench, caplog) -> None:
    await (await made(bench)).close()
    await made(bench)
    assert "differs" not in caplog.text


async def test_another_start_than_the_durables_is_refused(bench: Bench) -> None:
    await (await made(bench)).close()
    error = await bench.start(stream(deliver_policy="new")).failure()
    assert isinstance(error, ConfigError)
    assert "starts at 'all', the trigger asks for 'new'; delete the consumer" in str(error)


async def test_a_push_consumer_of_that_name_is_refused(bench: Bench, client: Client) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    config = ConsumerConfig(durable_name="hello", deliver_subject="elsewhere")
    await client.jetstream().add_consumer("ORDERS", config)
    error = await bench.start(stream()).failure()
    assert isinstance(error, ConfigError)
    assert "it is a push consumer" in str(error)


async def test_a_start_sequence_skips_what_is_before(bench: Bench, client: Client) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await publish(client, 10)
    running = bench.start(stream(deliver_policy="by_start_sequence", start_sequence=8))
    await running.intake.received(3)
    assert running.intake.bodies() == [b"7", b"8", b"9"]


async def test_filter_subjects_choose_inside_a_stream(bench: Bench, client: Client) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
    running = bench.start(
        stream("orders.>", stream="ORDERS", filter_subjects=("orders.eu", "orders.us"))
    )
    for subject in ("orders.eu", "orders.cn", "orders.us"):
        await client.jetstream().publish(subject, subject.encode())
    await running.intake.received(2)
    assert running.intake.bodies() == [b"orders.eu", b"orders.us"]


@pytest.mark.regression("nats-py: a fetch that finds nothing is an error")
async def test_heartbeats_show_life_on_a_quiet_stream(bench: Bench) -> None:
    running = await made(bench)
    await running.intake.until(lambda: running.intake.polls > 1, 12)


async def test_a_domain_is_read_through_its_prefix_and_is_part_of_the_identity(tmp_path) -> None:
    domain = f'jetstream {{ domain: hub, store_dir: "{tmp_path / "js"}" }}'
    async with NatsServer(tmp_path / "hub", jetstream=False, config=domain) as server:
        bench = Bench(server.url)
        running = await made(bench, RecordingIntake(10, Outcome.DELIVERED), domain="hub")
        async with await nats.connect(server.url) as client:
            await client.jetstream(domain="hub").publish("orders", b"x")
            (delivery,) = await running.intake.received(1)
            await acked(client, 1)
        assert (delivery.event.id, delivery.event.source) == ("ORDERS:1", "nats:hub/ORDERS")
        await bench.close()


@pytest.mark.regression("nats-py: a server that falls silent is noticed after four minutes")
async def test_a_server_that_falls_silent_is_doubted_and_read_again(
    server: NatsServer, client: Client, caplog
) -> None:
    connection = Connection(Address(server.url))
    await connection.open()
    intake = RecordingIntake(10, Outcome.DELIVERED)
    quick = Timing(expires=2.0, heartbeat=0.2, request=0.5)
    reader = JetStreamReader("orders", stream(), LimitSettings(), quick)
    task = asyncio.create_task(reader.run(connection, intake))
    await intake.until(lambda: intake.polls > 0)
    server.freeze()
    await until(lambda: "no heartbeat of consumer hello" in caplog.text, 10)
    server.thaw()
    await client.jetstream().publish("orders", b"x", timeout=5)
    await intake.received(1)
    await acked(client, 1)
    task.cancel()
    await asyncio.wait([task])
    await reader.close()
    await connection.close()


async def test_a_message_larger_than_the_consumer_allows_is_said_without_a_storm(
    bench: Bench, client: Client, caplog
) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await add_durable(client, filter_subject="orders", max_bytes=1000)
    await client.jetstream().publish("orders", b"x" * 5000)
    await made(bench)
    await asyncio.sleep(1)  # long enough for thousands of requests, were there no backoff
    assert 1 <= caplog.text.count("message size exceeds maxbytes") <= 5


async def test_jetstream_that_is_off_is_said(tmp_path) -> None:
    async with NatsServer(tmp_path / "plain", jetstream=False) as server:
        bench = Bench(server.url)
        error = await bench.start(stream()).failure()
        assert isinstance(error, SourceUnavailable)
        assert "nobody answers; enable JetStream on the server" in str(error)
        await bench.close()
