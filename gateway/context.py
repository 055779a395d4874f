"""What every source and sink is given beside its subscription."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.core.lease import LeaseStore
from gateway.core.ledger import Ledger
from gateway.core.shared import Shared
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.settings import Settings
from tidegate.api.subscription import (
    KafkaTopic,
    KinesisStream,
    NatsSubject,
    SecretRef,
    Subscription,
)


class Secrets(Protocol):
    """Reads Secrets. A subscription may only name those of its own namespace."""

    def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Return the Secret's content, or raise `ConfigError` that names what is missing."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of an adapter: passed in, so that nothing lives in modules."""

    settings: Settings
    secrets: Secrets
    ledger: Ledger
    shared: Shared
    routes: RouteTable
    endpoints: Endpoints
    leases: LeaseStore | None = None
    """Where leases of shards are for triggers that name no table of their own; None: nowhere."""


def secret_of(subscription: Subscription) -> SecretRef | None:
    """Return the Secret that the trigger names, if it names one."""
    source = subscription.source
    return source.secret if isinstance(source, NatsSubject | KafkaTopic | KinesisStream) else None


def versioned(subscription: Subscription, entries: Mapping[str, bytes]) -> Subscription:
    """Note the content of its Secret in `subscription`, so that a new content is a change."""
    source = subscription.source
    if not isinstance(source, NatsSubject | KafkaTopic | KinesisStream) or not source.secret:
        return subscription
    digest = hashlib.sha256(repr(sorted(entries.items())).encode()).hexdigest()
    secret = replace(source.secret, version=digest)
    return replace(subscription, source=replace(source, secret=secret))
