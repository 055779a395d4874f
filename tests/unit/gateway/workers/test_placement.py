"""Which worker runs what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.workers.placement import in_one_place, loosened, placed
from tidegate.api.subscription import (
    CronSchedule,
    DeliveryPolicy,
    HttpRoute,
    JetStreamConsumer,
    KafkaTopic,
    NatsSubject,
    Ordering,
    SourceSpec,
    Subscription,
)

STREAM = NatsSubject("orders.new", "queue", jetstream=JetStreamConsumer("durable"))
TOPIC = KafkaTopic("orders", "group")


def wanted(source: SourceSpec, name: str = "one", **policy: object) -> Subscription:
    """Return a subscription of this source."""
    one = Subscription("default", "Trigger", name, "hello", source)
    return replace(one, policy=replace(DeliveryPolicy(), **policy))  # type: ignore[arg-type]


def shares(subscription: Subscription, places: int) -> list[int]:
    """Return the concurrency in each place that runs it."""
    found = (placed(subscription, place, places) for place in range(places))
    return [one.policy.concurrency for one in found if one is not None]


@pytest.mark.parametrize("source", [STREAM, TOPIC, HttpRoute()], ids=["nats", "kafka", "http"])
def test_concurrency_is_shared_out_whole(source: SourceSpec) -> None:
    assert shares(wanted(source, concurrency=16), 3) == [6, 5, 5]


@pytest.mark.parametrize(
    "one",
    [
        wanted(CronSchedule("* * * * *")),
        wanted(STREAM, ordering=Ordering.KEY),
        wanted(STREAM, ordering=Ordering.PARTITION),
        wanted(TOPIC, ordering=Ordering.KEY, concurrency=1),
    ],
    ids=["a tick", "order by subject", "order of all", "one at a time"],
)
@pytest.mark.regression("Nuclio: a tick fires once in every replica")
def test_what_two_would_spoil_runs_in_one_place_with_its_whole_policy(one: Subscription) -> None:
    assert in_one_place(one, 2)
    assert [each for each in (placed(one, 0, 2), placed(one, 1, 2)) if each is not None] == [one]


def test_order_by_key_is_kept_by_a_kafka_group_itself() -> None:
    assert shares(wanted(TOPIC, ordering=Ordering.KEY), 2) == [8, 8]


def test_places_are_used_evenly() -> None:
    crons = [wanted(CronSchedule("* * * * *"), f"cron-{number}") for number in range(200)]
    first = [one for one in crons if placed(one, 0, 2) is not None]
    assert 70 < len(first) < 130


def test_calls_come_to_every_worker_and_a_trigger_that_would_not_have_it_so_is_told() -> None:
    assert shares(wanted(HttpRoute(), concurrency=1), 2) == [1, 1]
    assert "concurrency 1" in loosened(wanted(HttpRoute(), concurrency=1), 2)
    assert "ordering key" in loosened(wanted(HttpRoute(), ordering=Ordering.KEY), 2)
    assert loosened(wanted(HttpRoute()), 2) == ""
    assert loosened(wanted(STREAM, ordering=Ordering.KEY), 2) == ""
