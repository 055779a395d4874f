"""What the gateway runs: one `Subscription` for each trigger and function it feeds.

Plain values without pydantic: the gateway imports this module and nothing heavier.
Durations are seconds, sizes are bytes. Two subscriptions are equal when nothing that
matters at run time differs, so equality is the gateway's test for "changed".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

JSON = Any  # a parsed JSON value, kept as the user wrote it


class Ordering(Enum):
    """Which deliveries of one subscription wait for each other."""

    PARTITION = "partition"
    KEY = "key"
    NONE = "none"


class OnExhausted(Enum):
    """What happens to an event whose attempts are used up or that was rejected."""

    DEAD_LETTER = "deadLetter"
    PARK = "park"
    DROP = "drop"


class MissedRuns(Enum):
    """Which of the cron times that passed while nobody ran are fired afterwards."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class ConcurrencyPolicy(Enum):
    """What a cron tick does while the one before it still runs (batch/v1 CronJob)."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A Secret of the subscription's own namespace. `version` changes when its content does.

    It is made from the content, so it is not printed.
    """

    name: str
    version: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Where an event goes that cannot be delivered."""

    kind: Literal["kafka", "nats", "http", "function", "file"]
    target: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Several events in one call."""

    max_events: int
    max_bytes: int
    max_wait: float


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How hard the gateway tries. `retry` counts attempts after the first; -1 is without end."""

    retry: int = 10
    backoff: Literal["exponential", "linear"] = "exponential"
    backoff_delay: float = 0.2
    backoff_max: float = 60.0
    jitter: float = 0.2
    timeout: float = 180.0
    retry_statuses: frozenset[int] = frozenset({408, 425, 429, *range(500, 600)})
    retry_connect: bool = True
    retry_timeout: bool = True
    max_age: float | None = None
    dead_letter: DeadLetter | None = None
    on_exhausted: OnExhausted = OnExhausted.PARK
    ordering: Ordering = Ordering.NONE
    concurrency: int = 16
    batch: Batch | None = None

    @property
    def in_flight(self) -> int:
        """Deliveries under way at once: `concurrency` counts calls, and a call may be a batch."""
        return self.concurrency * (self.batch.max_events if self.batch else 1)


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """Calls that an HTTP subscription takes. No host is any host, no methods is any method."""

    host: str = ""
    path: str = "/"
    methods: frozenset[str] = frozenset()
    body_limit: int = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """When a cron subscription fires, and with what."""

    schedule: str
    time_zone: str | None = None
    starting_deadline: float | None = None
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.ALLOW
    missed_runs: MissedRuns = MissedRuns.LATEST
    suspend: bool = False
    payload: bytes | None = None


@dataclass(frozen=True, slots=True)
class JetStreamConsumer:
    """A durable pull consumer. `stream` is looked up by subject when empty."""

    durable: str
    stream: str = ""
    create_stream: bool = False
    filter_subjects: tuple[str, ...] = ()
    deliver_policy: Literal[
        "all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"
    ] = "all"
    start_sequence: int | None = None
    start_time: str | None = None
    ack_wait: float = 30.0
    max_ack_pending: int = 10_000
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class NatsSubject:
    """What a NATS subscription reads. Without `jetstream` it is core NATS: at most once.

    `url` empty is the gateway's default server. `secret` may hold `token`, or `user` and
    `password`, or `nkey` (seed), or `creds` (file text), and `ca.crt`, `tls.crt`, `tls.key`.
    """

    subject: str
    queue: str
    url: str = ""
    secret: SecretRef | None = None
    tls: bool = False
    jetstream: JetStreamConsumer | None = None


@dataclass(frozen=True, slots=True)
class KafkaTopic:
    """What a Kafka subscription reads.

    `topics` are read beside `topic`; `pattern` is a regular expression for whole names and stands
    in place of both. No `brokers` are the gateway's own. `start` is where a group without a
    committed offset begins, and `start_time` goes with `timestamp`. `secret` may hold `username`
    and `password` with a `mechanism`, or a `token`, or `client_id`, `client_secret`,
    `token_endpoint` and `scope`; and `ca.crt`, `tls.crt`, `tls.key`.
    """

    topic: str
    group: str
    brokers: tuple[str, ...] = ()
    secret: SecretRef | None = None
    topics: tuple[str, ...] = ()
    pattern: str = ""
    tls: bool = False
    start: Literal["earliest", "latest", "timestamp"] = "earliest"
    start_time: str | None = None
    isolation: Literal["read_committed", "read_uncommitted"] = "read_committed"
    out_of_range: Literal["earliest", "latest", "fail"] = "earliest"


@dataclass(frozen=True, slots=True)
class KinesisStream:
    """What a Kinesis subscription reads. An empty `shard` is every shard.

    `start` is where a subscription begins that never ran; `start_time` goes with `AT_TIMESTAMP`.
    `lease_table` is a DynamoDB table; without one the leases are where the gateway keeps them.
    `secret` may hold `aws_access_key_id`, `aws_secret_access_key` and `aws_session_token`.
    """

    stream: str
    region: str
    shard: str = ""
    endpoint: str = ""
    secret: SecretRef | None = None
    start: Literal["LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"] = "LATEST"
    start_time: str | None = None
    lease_table: str = ""


SourceSpec = HttpRoute | CronSchedule | NatsSubject | KafkaTopic | KinesisStream

SOURCE_NAMES: Mapping[type[SourceSpec], str] = {
    HttpRoute: "http",
    CronSchedule: "cron",
    NatsSubject: "nats",
    KafkaTopic: "kafka",
    KinesisStream: "kinesis",
}


@dataclass(frozen=True, slots=True)
class Subscription:
    """One trigger feeding one function, both of `namespace`.

    `filters` are CloudEvents Subscriptions filter objects, all of which must match.
    `uid` tells a trigger from another of the same name that came later. One that is `paused`
    takes no events; its place in the source stays.
    """

    namespace: str
    kind: str
    trigger: str
    function: str
    source: SourceSpec
    uid: str = ""
    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    filters: tuple[Mapping[str, JSON], ...] = ()
    paused: bool = False

    @property
    def id(self) -> str:
        """`<namespace>/<kind>/<trigger>/<function>`: the key of everything kept about it."""
        return f"{self.namespace}/{self.kind}/{self.trigger}/{self.function}"

    @property
    def source_name(self) -> str:
        """The registry name of the source that serves it."""
        return SOURCE_NAMES[type(self.source)]
