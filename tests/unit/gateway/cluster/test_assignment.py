"""Sharing triggers among replicas: evenly, and moving no more than needed."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.cluster.assignment import Shares, chosen, wanted_replicas
from tidegate.api.subscription import (
    CronSchedule,
    DeliveryPolicy,
    HttpRoute,
    KafkaTopic,
    KinesisStream,
    NatsSubject,
    Ordering,
    SourceSpec,
    Subscription,
)

NAMES = st.sets(st.text("abcdef0123-", min_size=1, max_size=12), min_size=1, max_size=9)
SUBJECTS = [f"default/KafkaTrigger/t{number}/f" for number in range(400)]


def subscription(
    source: SourceSpec, ordering: Ordering = Ordering.NONE, trigger: str = "t"
) -> Subscription:
    return Subscription(
        "default", "Trigger", trigger, "f", source, policy=DeliveryPolicy(ordering=ordering)
    )


@given(replicas=NAMES, count=st.integers(1, 5))
def test_a_trigger_runs_in_as_many_replicas_as_it_wants_or_in_all(
    replicas: set[str], count: int
) -> None:
    for subject in SUBJECTS[:20]:
        found = chosen(subject, replicas, count)
        assert found <= replicas
        assert len(found) == min(count, len(replicas))


@given(replicas=NAMES, new=st.text("xyz", min_size=1, max_size=5), count=st.integers(1, 3))
def test_a_replica_that_comes_takes_only_what_it_runs(
    replicas: set[str], new: str, count: int
) -> None:
    for subject in SUBJECTS[:20]:
        before = chosen(subject, replicas, count)
        after = chosen(subject, {*replicas, new}, count)
        assert after - before <= {new}
        assert len(before - after) <= 1


@given(replicas=NAMES.filter(lambda names: len(names) > 1), count=st.integers(1, 3))
def test_of_a_replica_that_goes_only_its_own_part_moves(replicas: set[str], count: int) -> None:
    gone = min(replicas)
    for subject in SUBJECTS[:20]:
        before = chosen(subject, replicas, count)
        after = chosen(subject, replicas - {gone}, count)
        assert before - {gone} <= after
        if gone not in before:
            assert after == before


def test_the_work_is_shared_evenly() -> None:
    replicas = {f"tidegate-gateway-{number}" for number in range(5)}
    load = Counter(one for subject in SUBJECTS for one in chosen(subject, replicas, 2))
    fair = len(SUBJECTS) * 2 / len(replicas)
    assert max(load.values()) < 1.25 * fair
    assert min(load.values()) > 0.75 * fair


def test_each_source_runs_in_as_many_replicas_as_it_can_use() -> None:
    assert wanted_replicas(subscription(HttpRoute()), 2) is None
    assert wanted_replicas(subscription(CronSchedule("* * * * *")), 2) == 1
    assert wanted_replicas(subscription(KafkaTopic("t", "g"), Ordering.KEY), 3) == 3
    nats = NatsSubject("s", "q")
    assert wanted_replicas(subscription(nats), 2) == 2
    assert wanted_replicas(subscription(nats, Ordering.KEY), 2) == 1
    one_shard = KinesisStream("s", "eu-west-1", shard="shardId-000000000000")
    assert wanted_replicas(subscription(one_shard), 2) == 1


def test_no_more_replicas_read_than_there_are_partitions() -> None:
    topic = subscription(KafkaTopic("t", "g"))
    assert [wanted_replicas(topic, 3, usable) for usable in (None, 1, 2, 8)] == [3, 1, 2, 3]
    parts: dict[str, int] = {}
    shares = Shares("a", 2, lambda one: parts.get(one.id))
    shares.among(frozenset({"a", "b"}))
    assert shares.has(topic)
    parts[topic.id] = 1
    assert shares.has(topic) is (chosen(topic.id, {"a", "b"}, 1) == {"a"})


def test_what_a_replica_runs_follows_who_else_lives() -> None:
    every = [subscription(KafkaTopic("t", "g"), trigger=f"t{number}") for number in range(40)]
    shares = {name: Shares(name, 1) for name in ("a", "b")}
    for one in shares.values():
        one.among(frozenset(shares))
    parts = {name: {each.id for each in one.keep(every)} for name, one in shares.items()}
    assert parts["a"] and parts["b"]
    assert parts["a"].isdisjoint(parts["b"])
    shares["a"].among(frozenset({"a"}))
    assert len(shares["a"].keep(every)) == len(every)
