"""Secrets on their way to a worker: those that its subscriptions name, and no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.context import Secrets, secret_of
from gateway.errors import ConfigError
from tidegate.api.subscription import Subscription

Copies = Mapping[tuple[str, str], Mapping[str, bytes] | str]
"""(namespace, name) to the content, or to the sentence that says why there is none."""


def copied(subscriptions: Iterable[Subscription], secrets: Secrets) -> Copies:
    """Read every Secret that `subscriptions` name."""
    named = {
        (one.namespace, reference.name)
        for one in subscriptions
        if (reference := secret_of(one)) is not None
    }
    return {key: _read(secrets, *key) for key in named}


def _read(secrets: Secrets, namespace: str, name: str) -> Mapping[str, bytes] | str:
    try:
        return dict(secrets.read(namespace, name))
    except ConfigError as error:
        return str(error)


class CopiedSecrets:
    """What the parent has sent. See `gateway.context.Secrets`."""

    def __init__(self, copies: Copies) -> None:
        self.copies = copies

    def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """See `gateway.context.Secrets.read`."""
        found = self.copies.get((namespace, name))
        if found is None:
            raise ConfigError(f"Secret {namespace}/{name} is not there; create it")
        if isinstance(found, str):
            raise ConfigError(found)
        return found
