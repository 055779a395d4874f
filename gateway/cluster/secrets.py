"""The Secrets that triggers name: each followed by its name, and no other one ever read."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NoReturn

from gateway.context import secret_of, versioned
from gateway.errors import ConfigError
from tidegate.api.subscription import Subscription
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.reflector import Reflector
from tidegate.kube.resources import SECRETS
from tidegate.kube.selection import Selection
from tidegate.kube.store import Delta

PATIENCE = 3.0
"""Seconds until a trigger starts without its Secret, to say that it cannot be read."""


class Followed:
    """One Secret, and the task that follows it."""

    def __init__(self, client: KubeClient, key: ObjectKey, changed: Callable[[], None]) -> None:
        self.entries: Mapping[str, bytes] | None = None
        self.settled = False
        """Whether what depends on it may start: it was read, or cannot be for now."""

        self.task: asyncio.Task[NoReturn] | None = None
        self._changed = changed
        selection = Selection(SECRETS, key.namespace, fields=f"metadata.name={key.name}")
        self.reflector = Reflector(client, selection)
        self.reflector.subscribe(self._take)

    async def run(self) -> NoReturn:
        """Follow it until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.reflector.run(), name="secret")
            synced = self.reflector.synced
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await synced.wait()
            self._settle()
            await synced.wait()
            self._settle()
        raise AssertionError("unreachable")

    def _settle(self) -> None:
        self.settled = True
        self._changed()

    def _take(self, delta: Delta) -> None:
        self.entries = None if delta.new is None else entries_of(delta.new)
        self._changed()


def entries_of(secret: Object) -> Mapping[str, bytes]:
    """Return what a Secret holds; a value that is no base64 cannot come from an API server."""
    try:
        return {key: base64.b64decode(text) for key, text in (secret.get("data") or {}).items()}
    except (binascii.Error, TypeError):
        return {}


class ClusterSecrets:
    """The Secrets of the subscriptions that run here. See `gateway.context.Secrets`."""

    def __init__(self, client: KubeClient, changed: Callable[[], None]) -> None:
        self._client = client
        self._changed = changed
        self._followed: dict[ObjectKey, Followed] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> NoReturn:
        """Follow what is needed until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for key, one in self._followed.items():
                self._start(key, one)
            await asyncio.Event().wait()
        raise AssertionError("unreachable")

    def need(self, subscriptions: Iterable[Subscription]) -> None:
        """Follow exactly the Secrets of `subscriptions` from now on."""
        wanted = {key for one in subscriptions if (key := _key(one)) is not None}
        for key in self._followed.keys() - wanted:
            task = self._followed.pop(key).task
            if task is not None:
                task.cancel()
        for key in wanted - self._followed.keys():
            self._followed[key] = one = Followed(self._client, key, self._changed)
            self._start(key, one)

    def prepared(self, subscription: Subscription) -> Subscription | None:
        """Return it with the version of its Secret; None until that was looked for."""
        key = _key(subscription)
        if key is None:
            return subscription
        followed = self._followed.get(key)
        if followed is None or not followed.settled:
            return None
        return versioned(subscription, followed.entries or {})

    def missing(self, subscription: Subscription) -> list[str] | None:
        """Return the Secret of a subscription if it is not there; None when that is not known."""
        key = _key(subscription)
        followed = None if key is None else self._followed.get(key)
        if key is None or followed is None or not followed.reflector.synced.is_set():
            return None
        return [] if followed.entries is not None else [key.name]

    def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """See `gateway.context.Secrets.read`."""
        followed = self._followed.get(ObjectKey(namespace, name))
        if followed is not None and followed.entries is not None:
            return followed.entries
        if followed is not None and followed.reflector.trouble is not None:
            trouble = followed.reflector.trouble
            raise ConfigError(f"reading Secret {namespace}/{name}: {trouble}")
        raise ConfigError(f"there is no Secret {namespace}/{name}; create it")

    def _start(self, key: ObjectKey, one: Followed) -> None:
        if self._group is not None and one.task is None:
            one.task = self._group.create_task(one.run(), name=f"secret {key}")


def _key(subscription: Subscription) -> ObjectKey | None:
    secret = secret_of(subscription)
    return None if secret is None else ObjectKey(subscription.namespace, secret.name)
