"""Secrets and ConfigMaps from the user's files, for triggers and for functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway.errors import ConfigError
from tidegate.api.core_kinds import ConfigMap, Secret
from tidegate.api.metadata import Resource
from tidegate.api.subscription import KafkaTopic, KinesisStream, NatsSubject, Subscription

Entries = Mapping[str, bytes]


class FileSecrets:
    """The Secrets and ConfigMaps that the files hold now. See `gateway.context.Secrets`."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, str], Entries] = {}

    def replace(self, resources: Iterable[Resource]) -> None:
        """Hold exactly those among `resources`."""
        self._entries = {
            (one.kind, one.namespace, one.name): one.values
            for one in resources
            if isinstance(one, Secret | ConfigMap)
        }

    def lookup(self, kind: str, namespace: str, name: str) -> Entries | None:
        """Return the entries of an object, or None without one."""
        return self._entries.get((kind, namespace, name))

    def read(self, namespace: str, name: str) -> Entries:
        """See `gateway.context.Secrets.read`."""
        entries = self.lookup("Secret", namespace, name)
        if entries is None:
            raise ConfigError(
                f"Secret {namespace}/{name} is in none of the files; add it to one of them"
            )
        return entries

    def versioned(self, subscription: Subscription) -> Subscription:
        """Note the content of its Secret in `subscription`, so that a new content is a change."""
        source = subscription.source
        if not isinstance(source, NatsSubject | KafkaTopic | KinesisStream) or not source.secret:
            return subscription
        entries = self.lookup("Secret", subscription.namespace, source.secret.name) or {}
        digest = hashlib.sha256(repr(sorted(entries.items())).encode()).hexdigest()
        secret = replace(source.secret, version=digest)
        return replace(subscription, source=replace(source, secret=secret))
