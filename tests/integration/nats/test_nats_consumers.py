"""Consumers of a real JetStream server: where they start, how they change, how they come back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig

from gateway.core.delivery import Outcome
from gateway.errors import ConfigError
from tests.fakes.nats_server import NatsServer
from tests.integration.nats.bench import Bench, RecordingIntake, Running, add_durable, stream
from tests.support.waiting import until

SUBJECTS = ("orders.eu", "orders.us")


def reading(**fields: Any) -> Any:
    return stream("orders.*", **{"stream": "ORDERS", "create_stream": False, **fields})


async def send(client: Client, *bodies: str, subject: str = "orders.eu") -> None:
    for body in bodies:
        await client.jetstream().publish(subject, body.encode())


async def started(bench: Bench, **fields: Any) -> Running:
    """Return a source that reads."""
    running = bench.start(reading(**fields), RecordingIntake(100, Outcome.DELIVERED))
    await running.intake.until(lambda: running.intake.polls > 0)
    return running


async def settled(client: Client) -> None:
    """Return once the server has every acknowledgement."""
    async with asyncio.timeout(15):
        while True:
            one = await client.jetstream().consumer_info("ORDERS", "hello")
            if not one.num_ack_pending:
                return
            await asyncio.sleep(0.02)  # the server tells nobody


@pytest.fixture
async def orders(client: Client) -> Client:
    """A stream with two subjects, and some messages of before."""
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders.*"])
    await send(client, "1", "2")
    await send(client, "3", subject="orders.us")
    return client


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ({"deliver_policy": "all"}, [b"1", b"2", b"3", b"4"]),
        ({"deliver_policy": "last"}, [b"3", b"4"]),
        ({"deliver_policy": "new"}, [b"4"]),
        ({"deliver_policy": "last_per_subject"}, [b"2", b"3", b"4"]),
        ({"deliver_policy": "by_start_sequence", "start_sequence": 2}, [b"2", b"3", b"4"]),
    ],
    ids=lambda value: value.get("deliver_policy") if isinstance(value, dict) else "",
)
async def test_a_new_consumer_starts_where_its_trigger_says(
    bench: Bench, orders: Client, start: dict[str, Any], expected: list[bytes]
) -> None:
    running = await started(bench, **start)
    await send(orders, "4")
    await running.intake.received(len(expected))
    assert running.intake.bodies() == expected


async def test_a_start_time_skips_what_was_before_it(bench: Bench, orders: Client) -> None:
    await asyncio.sleep(0.01)  # times of the server and of this test are of one clock
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    await send(orders, "4")
    running = await started(bench, deliver_policy="by_start_time", start_time=now)
    await running.intake.received(1)
    assert running.intake.bodies() == [b"4"]


@pytest.mark.parametrize("policy", ["all", "new", "last"])
async def test_a_source_that_comes_back_goes_on_where_its_consumer_is(
    bench: Bench, orders: Client, policy: str
) -> None:
    first = await started(bench, deliver_policy=policy)
    await send(orders, "4")
    await first.intake.until(lambda: b"4" in first.intake.bodies())
    await first.close()
    await send(orders, "5", "6")
    second = await started(bench, deliver_policy=policy)
    await second.intake.received(2)
    assert second.intake.bodies() == [b"5", b"6"]


@pytest.mark.parametrize("policy", ["all", "new", "last", "last_per_subject"])
@pytest.mark.regression(
    "nats-py: a fetch from a consumer that was deleted returns nothing, and no error"
)
async def test_a_consumer_deleted_while_nothing_comes_misses_nothing(
    bench: Bench, orders: Client, policy: str
) -> None:
    running = await started(bench, deliver_policy=policy)
    await send(orders, "4")
    await running.intake.until(lambda: b"4" in running.intake.bodies())
    await settled(orders)
    before = len(running.intake.deliveries)
    await orders.jetstream().delete_consumer("ORDERS", "hello")
    await send(orders, "5", "6")
    await running.intake.until(lambda: len(set(running.intake.bodies()[before:])) >= 2)
    assert running.intake.bodies()[before:] == [b"5", b"6"]


async def test_a_filter_that_changes_is_the_consumers_from_then_on(
    bench: Bench, orders: Client, caplog: pytest.LogCaptureFixture
) -> None:
    first = await started(bench, filter_subjects=("orders.eu",))
    await first.intake.received(2)
    await first.close()
    second = await started(bench, filter_subjects=SUBJECTS)
    await send(orders, "4", subject="orders.us")
    await second.intake.until(lambda: b"4" in second.intake.bodies())
    await second.close()
    third = await started(bench, filter_subjects=("orders.eu",))
    await send(orders, "5", subject="orders.us")
    await send(orders, "6")
    await third.intake.received(1)
    assert third.intake.bodies() == [b"6"]
    assert "in filter_subjects; updating it" in caplog.text
    assert "in filter_subject; updating it" in caplog.text


@pytest.mark.regression("nats-server: a message that reached max_deliver is never sent again")
@pytest.mark.regression("nats-py: an existing durable keeps its settings, whatever is asked for")
@pytest.mark.parametrize(
    ("field", "drifted"),
    [
        ("max_deliver", {"max_deliver": 3}),
        ("backoff", {"backoff": [1.0, 2.0], "max_deliver": 5}),
        ("ack_wait", {"ack_wait": 3}),
        ("max_ack_pending", {"max_ack_pending": 7}),
    ],
)
async def test_a_durable_that_differs_is_brought_in_line_and_that_is_said(
    bench: Bench, orders: Client, caplog: pytest.LogCaptureFixture, field: str, drifted: Any
) -> None:
    config = ConsumerConfig(
        durable_name="hello", ack_policy="explicit", filter_subject="orders.*", **drifted
    )
    await orders.jetstream().add_consumer("ORDERS", config)
    running = await started(bench)
    await running.intake.received(3)
    now = (await orders.jetstream().consumer_info("ORDERS", "hello")).config
    assert (now.max_deliver, now.backoff, now.ack_wait) == (-1, None, 30.0)
    assert now.max_ack_pending == 10_000
    assert field in caplog.text


async def test_settings_of_a_durable_that_are_not_ours_stay(bench: Bench, orders: Client) -> None:
    config = ConsumerConfig(
        durable_name="hello",
        ack_policy="explicit",
        filter_subject="orders.*",
        description="made by hand",
        max_waiting=17,
        metadata={"owner": "somebody"},
    )
    await orders.jetstream().add_consumer("ORDERS", config)
    running = await started(bench)
    await running.intake.received(3)
    now = (await orders.jetstream().consumer_info("ORDERS", "hello")).config
    assert (now.description, now.max_waiting) == ("made by hand", 17)
    assert (now.metadata or {})["owner"] == "somebody"


@pytest.mark.parametrize("policy", ["none", "all"])
async def test_a_durable_that_cannot_be_acknowledged_one_by_one_is_refused(
    bench: Bench, orders: Client, policy: str
) -> None:
    await add_durable(orders, ack_policy=policy, filter_subject="orders.*")
    error = await bench.start(reading()).failure()
    assert isinstance(error, ConfigError)
    assert f"its ack_policy is {policy}, explicit is needed" in str(error)


@pytest.mark.regression("nats-server: a heartbeat above half of a request's life is an error 400")
async def test_a_consumer_that_allows_short_requests_only_is_read(
    bench: Bench, orders: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await add_durable(orders, filter_subject="orders.*", max_expires=1_000_000_000)
    running = await started(bench)
    await running.intake.received(3)
    assert "the server ended a request" not in caplog.text


@pytest.mark.regression("nats-py: what an expired fetch had asked for swallows the next messages")
async def test_a_message_comes_at_once_after_requests_that_expired(
    bench: Bench, orders: Client
) -> None:
    await add_durable(
        orders, filter_subject="orders.*", deliver_policy="new", max_expires=200_000_000
    )
    running = await started(bench, deliver_policy="new")
    polls = running.intake.polls
    await running.intake.until(lambda: running.intake.polls >= polls + 4)
    await send(orders, "4")
    await running.intake.received(1, 5)


async def test_a_consumer_deleted_while_the_server_was_away_is_made_anew(
    bench: Bench, server: NatsServer, orders: Client
) -> None:
    running = await started(bench)
    await running.intake.received(3)
    await server.restart()
    await until(lambda: orders.is_connected, 10)
    await orders.jetstream().delete_consumer("ORDERS", "hello")
    await send(orders, "4")
    await running.intake.until(lambda: b"4" in running.intake.bodies())
