"""Settings of a gateway in a cluster. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What this replica follows, and how it shares the work with others."""

    namespace: str = ""
    """The only namespace whose objects are followed. Empty: all of them."""

    home: str = "default"
    """Where the gateway lives, with the Leases of its replicas and what it must not forget."""

    group: str = "tidegate"
    """Replicas of one group share the work."""

    name: str = "gateway"
    """This replica; in a pod, its name. A successor of the same name takes over at once."""

    replicas_per_trigger: int = 2
    """Replicas that read for one trigger of Kafka, NATS or Kinesis: the second one is there
    already when the first one dies. Where there are fewer partitions or shards it
    is so many; then another replica begins once the `lease` of a dead one has run out."""

    lease: float = 15.0
    """A replica that gave no sign of life for so long is taken for dead."""

    renew: float = 3.0
    """Between two signs of life; at most a fifth of `lease`, so that one may be lost."""

    settle: float = 0.05
    """How long changes are gathered, so that a hundred objects applied together are one change."""

    endpoints_lag: float = 5.0
    """Calls are taken for so long after the readiness has gone, and up to three times as long
    while they still come."""

    sync_timeout: float = 60.0
    """A start that knows not all objects after this says what it waits for, and waits on."""

    def __post_init__(self) -> None:
        """Refuse times with which a replica is taken for dead while it works."""
        if not self.lease >= 5 * self.renew > 0:
            raise ValueError("lease must be at least five times renew")
        if self.replicas_per_trigger < 1:
            raise ValueError("replicas_per_trigger must be at least 1")
