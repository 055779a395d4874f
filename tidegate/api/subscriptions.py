"""From resources to what the gateway runs: one `Subscription` per trigger and function. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.function import DEFAULT_TIMEOUT, Function
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.kafka_trigger import KafkaTrigger
from tidegate.api.kinds import Trigger
from tidegate.api.kinesis_trigger import KinesisTrigger
from tidegate.api.metadata import Resource
from tidegate.api.nats_trigger import JetStreamSpec, NATSTrigger, NATSTriggerSpec
from tidegate.api.policy import delivery_policy
from tidegate.api.selection import Functions
from tidegate.api.subscription import (
    ConcurrencyPolicy,
    CronSchedule,
    HttpRoute,
    JetStreamConsumer,
    KafkaTopic,
    KinesisStream,
    MissedRuns,
    NatsSubject,
    SecretRef,
    SourceSpec,
    Subscription,
)

_DELIVER_POLICIES: Final[
    Mapping[
        str,
        Literal["all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"],
    ]
] = {
    "all": "all",
    "last": "last",
    "new": "new",
    "byStartSequence": "by_start_sequence",
    "byStartTime": "by_start_time",
    "lastPerSubject": "last_per_subject",
}


def subscriptions(resources: Iterable[Resource]) -> list[Subscription]:
    """Return what the gateway should run for `resources`, in a stable order.

    A trigger that names its function runs even while the function is not there, so that an HTTP
    caller gets 503 and no event of a broker is passed over. A selector that finds nothing runs
    nothing.
    """
    known = list(resources)
    functions = Functions(each for each in known if isinstance(each, Function))
    found = (one for each in known if isinstance(each, Trigger) for one in _of(each, functions))
    return sorted(found, key=lambda subscription: subscription.id)


@dataclass(frozen=True, slots=True)
class _Target:
    """The function of one subscription, which may not be there yet."""

    name: str
    timeout: float = DEFAULT_TIMEOUT


def _of(trigger: Trigger, functions: Functions) -> Iterator[Subscription]:
    for target in _targets(trigger, functions):
        yield Subscription(
            namespace=trigger.namespace,
            kind=trigger.kind,
            trigger=trigger.name,
            function=target.name,
            source=_source(trigger, target.name),
            uid=trigger.metadata.uid,
            policy=delivery_policy(trigger, target.timeout),
            filters=trigger.spec.delivery.filter,
            paused=trigger.spec.paused,
        )


def _targets(trigger: Trigger, functions: Functions) -> list[_Target]:
    if isinstance(trigger, KafkaTrigger | NATSTrigger):
        return [_target(function) for function in functions.selected(trigger)]
    function = functions.named(trigger.namespace, trigger.spec.function_name)
    return [_Target(trigger.spec.function_name) if function is None else _target(function)]


def _target(function: Function) -> _Target:
    return _Target(function.name, function.spec.timeout)


def _source(trigger: Trigger, function: str) -> SourceSpec:
    match trigger:
        case HTTPTrigger():
            return _http_route(trigger)
        case CronJobTrigger():
            return _cron_schedule(trigger)
        case KafkaTrigger():
            return _kafka_topic(trigger, function)
        case NATSTrigger():
            return _nats_subject(trigger, function)
        case KinesisTrigger():
            return _kinesis_stream(trigger)
        case _:
            assert_never(trigger)


def _http_route(trigger: HTTPTrigger) -> HttpRoute:
    spec = trigger.spec
    return HttpRoute(spec.host_name, spec.route_path, frozenset(spec.methods), spec.body_limit)


def _cron_schedule(trigger: CronJobTrigger) -> CronSchedule:
    spec = trigger.spec
    return CronSchedule(
        schedule=spec.schedule,
        time_zone=spec.time_zone,
        starting_deadline=spec.starting_deadline_seconds,
        concurrency_policy=ConcurrencyPolicy(spec.concurrency_policy),
        missed_runs=MissedRuns(spec.missed_runs),
        suspend=spec.suspend,
        payload=spec.body,
    )


def _kafka_topic(trigger: KafkaTrigger, function: str) -> KafkaTopic:
    spec = trigger.spec
    return KafkaTopic(
        topic=spec.topic,
        group=spec.group or _group(trigger, function),
        brokers=spec.brokers,
        secret=_secret(spec.secret),
        topics=spec.topics,
        pattern=spec.topic_pattern,
        tls=spec.tls,
        start=spec.start_from,
        start_time=spec.start_time,
        isolation=spec.isolation,
        out_of_range=spec.on_offset_out_of_range,
    )


def _nats_subject(trigger: NATSTrigger, function: str) -> NatsSubject:
    spec, group = trigger.spec, _group(trigger, function)
    return NatsSubject(
        subject=spec.topic,
        queue=spec.queue or group,
        url=spec.url,
        secret=_secret(spec.secret),
        tls=spec.tls,
        jetstream=None if spec.jetstream is None else _consumer(spec.jetstream, group),
    )


def _consumer(spec: JetStreamSpec, group: str) -> JetStreamConsumer:
    return JetStreamConsumer(
        durable=spec.durable or durable_name(group),
        stream=spec.stream,
        create_stream=spec.create_stream,
        filter_subjects=spec.filter_subjects,
        deliver_policy=_DELIVER_POLICIES[spec.deliver_policy],
        start_sequence=spec.start_sequence,
        start_time=spec.start_time,
        ack_wait=spec.ack_wait,
        max_ack_pending=spec.max_ack_pending,
        domain=spec.domain,
    )


def _kinesis_stream(trigger: KinesisTrigger) -> KinesisStream:
    spec = trigger.spec
    return KinesisStream(
        stream=spec.stream,
        region=spec.aws_region,
        shard=spec.shard,
        endpoint=spec.endpoint,
        secret=_secret(spec.secret),
        start=spec.starting_position,
        start_time=spec.starting_time,
        lease_table=spec.lease_table,
    )


def _secret(name: str) -> SecretRef | None:
    return SecretRef(name) if name else None


def _group(trigger: KafkaTrigger | NATSTrigger, function: str) -> str:
    """Name a consumer group as Kubeless did, so that its offsets carry over."""
    return f"{trigger.namespace}_{trigger.name}_{function}_{_read_by(trigger)}"


def _read_by(trigger: KafkaTrigger | NATSTrigger) -> str:
    """Return the topic of a trigger, or what stands in its place."""
    spec = trigger.spec
    if isinstance(spec, NATSTriggerSpec) or spec.topic:
        return spec.topic
    return spec.topics[0] if spec.topics else spec.topic_pattern


def durable_name(group: str) -> str:
    """Return `group` as JetStream takes it; a short hash keeps apart what would become equal."""
    replaced = re.sub(r"[\s.*>/\\]", "-", group)
    if replaced == group:
        return group
    return f"{replaced}-{hashlib.sha256(group.encode()).hexdigest()[:8]}"
