"""What the gateway runs follows from what users wrote."""

from __future__ import annotations

from hashlib import sha256

import pytest

from tests.unit.api import manifests
from tests.unit.api.manifests import FUNCTION, trigger
from tidegate.api.loader import load
from tidegate.api.subscription import (
    Batch,
    ConcurrencyPolicy,
    CronSchedule,
    DeadLetter,
    DeliveryPolicy,
    HttpRoute,
    JetStreamConsumer,
    KafkaTopic,
    KinesisStream,
    MissedRuns,
    NatsSubject,
    OnExhausted,
    Ordering,
    SecretRef,
    Subscription,
)
from tidegate.api.subscriptions import durable_name, subscriptions

FEEDS = "functionSelector: {matchLabels: {function: get-python}}"


def derived(*texts: str) -> list[Subscription]:
    resources, problems = load("---\n".join(texts))
    assert problems == []
    return subscriptions(resources)


def only(kind: str, spec: str) -> Subscription:
    (subscription,) = derived(FUNCTION, trigger(kind, spec))
    return subscription


def policy(block: str, kind: str = "KafkaTrigger", more: str = "") -> DeliveryPolicy:
    where = f"topic: a, {FEEDS}" if kind in ("KafkaTrigger", "NATSTrigger") else "function-name: f"
    return only(kind, f"{{{where}, delivery: {{{block}}}{more}}}").policy


def test_an_http_trigger_becomes_a_route() -> None:
    (one,) = derived(FUNCTION, manifests.HTTP_TRIGGER)
    assert one.id == "default/HTTPTrigger/get-python/get-python"
    assert one.source == HttpRoute("get-python.192.168.99.100.nip.io", "/get-python/v1")
    assert one.policy == DeliveryPolicy(retry=0, concurrency=256)


@pytest.mark.parametrize("kind", ["HTTPTrigger", "CronJobTrigger", "NATSTrigger", "KafkaTrigger"])
def test_a_trigger_may_be_paused(kind: str) -> None:
    wanted = {
        "HTTPTrigger": "function-name: f",
        "CronJobTrigger": "function-name: f, schedule: '@daily'",
    }.get(kind, f"topic: a, {FEEDS}")
    assert only(kind, f"{{{wanted}, paused: true}}").paused
    assert not only(kind, f"{{{wanted}}}").paused


@pytest.mark.parametrize(("path", "route"), [("", "/"), ("a", "/a"), ("/a/", "/a/")])
def test_a_path_has_one_leading_slash(path: str, route: str) -> None:
    spec = f"{{function-name: f, path: '{path}', methods: [GET], bodyLimit: 1k}}"
    assert only("HTTPTrigger", spec).source == HttpRoute("", route, frozenset({"GET"}), 1000)


def test_a_cron_trigger_becomes_a_schedule() -> None:
    (one,) = derived(FUNCTION, manifests.CRONJOB_TRIGGER)
    body = '{"hello":[1,null,"wörld"]}'.encode()
    assert one.source == CronSchedule("*/5 * * * *", payload=body)
    assert one.policy == DeliveryPolicy()


def test_a_cron_trigger_keeps_all_that_was_added() -> None:
    spec = (
        "{function-name: f, schedule: '@daily', timeZone: Europe/Berlin, concurrencyPolicy: Forbid,"
        " startingDeadlineSeconds: 60, suspend: true, missedRuns: all, payload: {}}"
    )
    assert only("CronJobTrigger", spec).source == CronSchedule(
        schedule="@daily",
        time_zone="Europe/Berlin",
        starting_deadline=60,
        concurrency_policy=ConcurrencyPolicy.FORBID,
        missed_runs=MissedRuns.ALL,
        suspend=True,
        payload=b"{}",
    )


@pytest.mark.regression("Kubeless: a function has one schedule, since the job is named after it")
def test_a_function_may_have_many_schedules() -> None:
    nightly = manifests.CRONJOB_TRIGGER
    hourly = nightly.replace("scheduled-", "hourly-").replace("*/5", "0")
    found = derived(FUNCTION, nightly, hourly)
    assert {one.source.schedule for one in found} == {"*/5 * * * *", "0 * * * *"}
    assert len({one.id for one in found}) == 2


def test_a_kafka_trigger_becomes_a_topic_in_the_group_that_kubeless_used() -> None:
    function = FUNCTION.replace("}\nspec", ", topic: s3-python}\nspec")
    (one,) = derived(function, manifests.KAFKA_TRIGGER)
    group = "default_s3-python-kafka-trigger_get-python_s3-python"
    assert one.source == KafkaTopic("s3-python", group)
    assert one.policy == DeliveryPolicy(ordering=Ordering.KEY)


@pytest.mark.regression(
    "Kubeless: a trigger that is renamed loses its offsets, since no group can be named"
)
def test_a_kafka_trigger_keeps_its_brokers_secret_and_group() -> None:
    spec = f"{{topic: a, {FEEDS}, brokers: ['k:9092'], secret: s, group: g}}"
    source = KafkaTopic("a", "g", ("k:9092",), SecretRef("s"))
    assert only("KafkaTrigger", spec).source == source


def test_a_kafka_trigger_says_which_topics_and_where_it_starts() -> None:
    more = "startFrom: timestamp, startTime: '2026-01-31T12:00:00Z', onOffsetOutOfRange: fail"
    spec = f"{{topics: [a, b], {FEEDS}, tls: true, isolation: read_uncommitted, {more}}}"
    source = only("KafkaTrigger", spec).source
    assert source == KafkaTopic(
        "",
        "default_t_get-python_a",
        topics=("a", "b"),
        tls=True,
        start="timestamp",
        start_time="2026-01-31T12:00:00Z",
        isolation="read_uncommitted",
        out_of_range="fail",
    )


def test_the_group_of_a_pattern_is_named_by_it() -> None:
    source = only("KafkaTrigger", f"{{topicPattern: 'a[.].*', {FEEDS}}}").source
    assert source == KafkaTopic("", "default_t_get-python_a[.].*", pattern="a[.].*")


def test_a_nats_trigger_becomes_a_subject_in_a_queue_group() -> None:
    (one,) = derived(FUNCTION, manifests.NATS_TRIGGER)
    assert one.source == NatsSubject("test.*", "default_nats-trigger_get-python_test.*")
    assert one.policy == DeliveryPolicy(on_exhausted=OnExhausted.DROP)


def test_a_jetstream_trigger_has_a_durable_that_the_server_takes() -> None:
    spec = (
        f"{{topic: a.>, {FEEDS}, url: 'nats://n:4222', tls: true, queue: q, secret: s, jetstream: "
        "{stream: S, createStream: true, filterSubjects: [a.b], deliverPolicy: byStartSequence,"
        " startSequence: 7, ackWait: 1m, maxAckPending: 5, domain: hub}}"
    )
    one = only("NATSTrigger", spec)
    durable = durable_name("default_t_get-python_a.>")
    assert one.source == NatsSubject(
        subject="a.>",
        queue="q",
        url="nats://n:4222",
        secret=SecretRef("s"),
        tls=True,
        jetstream=JetStreamConsumer(
            durable=durable,
            stream="S",
            create_stream=True,
            filter_subjects=("a.b",),
            deliver_policy="by_start_sequence",
            start_sequence=7,
            ack_wait=60,
            max_ack_pending=5,
            domain="hub",
        ),
    )
    assert one.policy == DeliveryPolicy()


def test_a_durable_name_stays_what_it_is_when_the_server_takes_it() -> None:
    assert durable_name("default_t_f_orders") == "default_t_f_orders"


def test_durable_names_of_two_subjects_never_meet() -> None:
    names = {durable_name(f"default_t_f_{topic}") for topic in ("a.b", "a-b", "a.*", "a.>", "a.-")}
    assert len(names) == 5
    assert all(set(name).isdisjoint(".*> ") for name in names)
    assert durable_name("a.b") == "a-b-" + sha256(b"a.b").hexdigest()[:8]


def test_a_kinesis_trigger_becomes_a_stream() -> None:
    (one,) = derived(FUNCTION, manifests.KINESIS_TRIGGER)
    assert one.source == KinesisStream(
        stream="KubelessDemo",
        region="us-west-2",
        shard="shardId-000000000000",
        endpoint="http://kinesis.default.svc.cluster.local:4567",
        secret=SecretRef("ec2"),
    )
    assert one.policy == DeliveryPolicy(ordering=Ordering.KEY)


def test_where_a_kinesis_trigger_starts_and_keeps_its_leases_is_passed_on() -> None:
    more = (
        "  startingPosition: AT_TIMESTAMP\n"
        '  startingTime: "2026-01-31T12:00:00Z"\n'
        "  leaseTable: tidegate-leases\n"
    )
    (one,) = derived(FUNCTION, manifests.KINESIS_TRIGGER + more)
    assert isinstance(one.source, KinesisStream)
    assert one.source.start == "AT_TIMESTAMP"
    assert one.source.start_time == "2026-01-31T12:00:00Z"
    assert one.source.lease_table == "tidegate-leases"


def test_a_selector_feeds_every_function_that_it_accepts() -> None:
    other = FUNCTION.replace("name: get-python", "name: other")
    elsewhere = FUNCTION.replace("namespace: default", "namespace: elsewhere")
    text = trigger("KafkaTrigger", "{topic: a, functionSelector: {}}")
    found = derived(text, other, elsewhere, FUNCTION)
    assert [subscription.function for subscription in found] == ["get-python", "other"]


def test_a_selector_asks_for_all_that_it_names() -> None:
    two = "{topic: a, functionSelector: {matchLabels: {created-by: kubeless, tier: b}}}"
    mixed = (
        "{topic: a, functionSelector: {matchLabels: {function: get-python}, "
        "matchExpressions: [{key: created-by, operator: DoesNotExist}]}}"
    )
    both = FUNCTION.replace("}\nspec", ", tier: b}\nspec").replace("name: get-python", "name: both")
    found = derived(FUNCTION, both, trigger("KafkaTrigger", two))
    assert [subscription.function for subscription in found] == ["both"]
    assert derived(FUNCTION, trigger("NATSTrigger", mixed)) == []


def test_a_selector_that_accepts_nothing_runs_nothing() -> None:
    assert derived(manifests.KAFKA_TRIGGER) == []


def test_a_trigger_runs_while_its_function_is_not_there() -> None:
    (one,) = derived(manifests.HTTP_TRIGGER)
    assert (one.function, one.policy.timeout) == ("get-python", 180)


def test_the_timeout_is_that_of_the_function_unless_told() -> None:
    function = FUNCTION.replace('"180"', '"5"').replace("name: get-python", "name: f")
    text = trigger("HTTPTrigger", "{function-name: f}")
    slow = trigger("HTTPTrigger", "{function-name: f, delivery: {timeout: 9s}}", "u")
    one, other = derived(function, text, slow)
    assert (one.policy.timeout, other.policy.timeout) == (5, 9)


def test_every_field_of_delivery_reaches_the_policy() -> None:
    block = (
        "retry: -1, backoffPolicy: linear, backoffDelay: 1s, backoffMax: 1h, jitter: 0, "
        "timeout: 1m30s, retryOn: [connect, 503, 4xx], maxAge: PT1H, "
        "deadLetter: {http: 'https://x/y'}, ordering: partition, concurrency: 3, "
        "batch: {maxEvents: 5, maxBytes: 1Ki, maxWait: 50ms}"
    )
    assert policy(block) == DeliveryPolicy(
        retry=-1,
        backoff="linear",
        backoff_delay=1,
        backoff_max=3600,
        jitter=0,
        timeout=90,
        retry_statuses=frozenset({503, *range(400, 500)}),
        retry_connect=True,
        retry_timeout=False,
        max_age=3600,
        dead_letter=DeadLetter("http", "https://x/y"),
        on_exhausted=OnExhausted.DEAD_LETTER,
        ordering=Ordering.PARTITION,
        concurrency=3,
        batch=Batch(5, 1024, 0.05),
    )


@pytest.mark.parametrize(
    ("block", "outcome"),
    [
        ("", OnExhausted.PARK),
        ("onExhausted: drop", OnExhausted.DROP),
        ("deadLetter: {file: dead.jsonl}", OnExhausted.DEAD_LETTER),
        ("deadLetter: {file: dead.jsonl}, onExhausted: deadLetter", OnExhausted.DEAD_LETTER),
    ],
)
def test_what_happens_to_the_exhausted_follows_from_the_dead_letter(
    block: str, outcome: OnExhausted
) -> None:
    assert policy(block).on_exhausted is outcome


def test_core_nats_parks_when_told() -> None:
    assert policy("onExhausted: park", "NATSTrigger").on_exhausted is OnExhausted.PARK


def test_filters_reach_the_subscription_as_they_were_written() -> None:
    spec = f"{{topic: a, {FEEDS}, delivery: {{filter: [{{not: {{exact: {{type: x}}}}}}]}}}}"
    assert only("KafkaTrigger", spec).filters == ({"not": {"exact": {"type": "x"}}},)


def test_the_same_objects_give_equal_subscriptions_in_any_order() -> None:
    texts = [FUNCTION, *manifests.EVERY_SHAPE[3:]]
    assert derived(*texts) == derived(*reversed(texts))
