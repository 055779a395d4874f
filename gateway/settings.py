"""Settings of the data plane. Durations are seconds, sizes are bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds on what one process holds in memory."""

    queued_events: int = 1024
    """Events in flight per subscription: unsettled, or ended and not yet committed. What a crash
    repeats at most, and enough to keep 16 attempts busy over a fetch."""

    queued_bytes: int = 16 * 1024 * 1024
    """Unsettled payload per subscription."""

    total_bytes: int = 128 * 1024 * 1024
    """Unsettled payload of all subscriptions together: what keeps the process flat."""

    decisions: int = 256
    """Events per subscription whose end is remembered for `tidegate trigger explain`, and as many
    again that failed at least once; about half a kilobyte each, and never a payload."""

    total_decisions: int = 32 * 1024
    """The same of all subscriptions together; where there are many, each has fewer, but 16."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The front door and the calls to functions."""

    host: str = "127.0.0.1"
    """Loopback by default: a laptop's functions are not for its neighbours."""

    port: int = 8080
    """0 lets the system choose."""

    connect_timeout: float = 2.0
    """A ready function accepts at once; a longer wait only hides a dead one."""

    keepalive: float = 15.0
    """Shorter than the runtimes' 75 s, so that the caller is the one who closes."""

    connection_age: float = 60.0
    """Longest life of a connection: behind a ClusterIP only new ones reach new pods."""

    answer_limit: int = 1024 * 1024
    """Longest answer to an event that is held; of a longer one only the status counts."""


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """Health, metrics and, on a laptop, the control API."""

    host: str = "127.0.0.1"
    port: int = 8081
    """0 lets the system choose."""

    token_file: str = "/etc/tidegate/admin/token"
    """What a caller of `/operations` must show in a cluster. Without the file nobody may."""


@dataclass(frozen=True, slots=True)
class KinesisSettings:
    """Where Kinesis triggers that name no table keep the leases of their shards."""

    lease_file: str = ""
    """A SQLite file, for the gateways of one machine. Empty: each trigger needs a `leaseTable`."""

    dynamodb_endpoint: str = ""
    """Another endpoint for lease tables than that of the region."""

    lease_period: float = 10.0
    """A replica that renewed no lease for so long is taken over; renewed four times as often."""

    create_lease_tables: bool = True
    """Make a `leaseTable` that is not there, billed by request. Off: it must be there."""


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """Defaults for NATS triggers."""

    url: str = "nats://127.0.0.1:4222"
    """Server of triggers that name none."""

    connect_timeout: float = 5.0
    """For one attempt to connect."""


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Defaults for Kafka triggers, and the pace of their consumers.

    The login is for triggers that name no brokers: what is the cluster's must not be sent to
    servers that a trigger chose.
    """

    brokers: tuple[str, ...] = ("127.0.0.1:9092",)
    """Bootstrap servers of triggers that name none, as host:port."""

    tls: bool = False
    """Speak TLS; so does naming a CA or a certificate."""

    insecure: bool = False
    """Take any certificate of a broker."""

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    mechanism: str = "PLAIN"

    connect_timeout: float = 10.0
    """For finding a broker that answers."""

    request_timeout: float = 10.0
    """For one answer, such as to a commit; the library itself would ask for ever."""

    session_timeout: float = 45.0
    """Without heartbeats for so long, a consumer is dead to its group; 3 s would be one stall."""

    revoke_timeout: float = 15.0
    """For deliveries in flight before partitions are given up; the whole group waits for it."""

    commit_interval: float = 0.2
    """Offsets wait for so long, to be committed together; sooner where half of `queued_events`
    has ended since the last commit."""

    metadata_age: float = 60.0
    """How soon new partitions, and new topics of a pattern, are found."""

    place: str = ""
    """A name that one process at a time has. Its successor takes over at once after a crash."""

    window: int = 10_000
    """Records of a partition above its oldest unsettled one."""


@dataclass(frozen=True, slots=True)
class DeadLetterSettings:
    """Dead letters that are kept on this machine."""

    folder: Path | None = None
    """Where `deadLetter: {file: …}` is, unless it is absolute. None where there is no such disk."""


@dataclass(frozen=True, slots=True)
class LifecycleSettings:
    """Restarts and stops."""

    drain_timeout: float = 20.0
    """Time for deliveries in flight on a stop or a change; below Kubernetes' grace of 30 s."""

    restart_delay: float = 0.5
    """First wait before a failed source is made anew; doubles with each failure."""

    restart_delay_max: float = 30.0
    """Longest wait: a broker that returns is read again within half a minute."""

    stall_timeout: float = 90.0
    """A source that did not hear from its broker for so long is made anew."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the data plane can be told."""

    limits: LimitSettings = field(default_factory=LimitSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    admin: AdminSettings = field(default_factory=AdminSettings)
    kinesis: KinesisSettings = field(default_factory=KinesisSettings)
    nats: NatsSettings = field(default_factory=NatsSettings)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    dead_letters: DeadLetterSettings = field(default_factory=DeadLetterSettings)
    lifecycle: LifecycleSettings = field(default_factory=LifecycleSettings)


def kafka_settings(environ: Mapping[str, str], base: KafkaSettings) -> KafkaSettings:
    """Return `base` with what `environ` says in the variables that Kubeless's trigger read."""
    brokers = tuple(
        filter(None, (one.strip() for one in environ.get("KAFKA_BROKERS", "").split(",")))
    )
    tls, sasl = (_is_on(environ.get(f"KAFKA_ENABLE_{what}", "")) for what in ("TLS", "SASL"))
    changed = replace(base, brokers=brokers or base.brokers)
    if tls:
        changed = replace(
            changed,
            tls=True,
            insecure=_is_on(environ.get("KAFKA_INSECURE", "")),
            ca_file=environ.get("KAFKA_CACERTS", ""),
            certificate_file=environ.get("KAFKA_CERT", ""),
            key_file=environ.get("KAFKA_KEY", ""),
        )
    if sasl:
        changed = replace(
            changed,
            username=environ.get("KAFKA_USERNAME", ""),
            password=environ.get("KAFKA_PASSWORD", ""),
            mechanism=environ.get("KAFKA_SASL_MECHANISM", base.mechanism),
        )
    return changed


def _is_on(text: str) -> bool:
    return text.strip().lower() in ("1", "t", "true", "yes", "on")
