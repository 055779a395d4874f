"""Secrets and ConfigMaps from the user's files, for triggers and for functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.context import secret_of, versioned
from gateway.errors import ConfigError
from tidegate.api.core_kinds import ConfigMap, Secret
from tidegate.api.metadata import Resource
from tidegate.api.subscription import Subscription

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
        secret = secret_of(subscription)
        if secret is None:
            return subscription
        entries = self.lookup("Secret", subscription.namespace, secret.name)
        return versioned(subscription, entries or {})
