"""Whether the Secrets are there that HTTPTriggers name.

What reads them is the ingress controller; of us nobody may see what is in them. So their names
alone are followed, one watch for each namespace, and by one replica for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NoReturn

from gateway.cluster.wanted import Name
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.reflector import Reflector
from tidegate.kube.resources import SECRETS
from tidegate.kube.selection import Selection


class NamedSecrets:
    """The names of the Secrets of some namespaces. See `need`."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._named: Mapping[Name, tuple[str, ...]] = {}
        self._followed: dict[str, Reflector] = {}
        self._tasks: dict[str, asyncio.Task[NoReturn]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> NoReturn:
        """Follow what is needed until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for namespace in self._followed:
                self._start(namespace)
            await asyncio.Event().wait()
        raise AssertionError("unreachable")

    def need(self, named: Mapping[Name, tuple[str, ...]]) -> None:
        """Look from now on for exactly the Secrets that these triggers name."""
        self._named = named
        namespaces = {trigger.namespace for trigger in named}
        for namespace in self._followed.keys() - namespaces:
            del self._followed[namespace]
            task = self._tasks.pop(namespace, None)
            if task is not None:
                task.cancel()
        for namespace in namespaces - self._followed.keys():
            selection = Selection(SECRETS, namespace, metadata_only=True)
            self._followed[namespace] = Reflector(self._client, selection, keep=_name_alone)
            self._start(namespace)

    def missing(self, trigger: Name) -> list[str] | None:
        """Return which of its Secrets are not there; None when that is not known here."""
        names, reflector = self._named.get(trigger), self._followed.get(trigger.namespace)
        if names is None or reflector is None or not reflector.synced.is_set():
            return None
        store = reflector.store
        return [name for name in names if ObjectKey(trigger.namespace, name) not in store]

    def _start(self, namespace: str) -> None:
        if self._group is not None and namespace not in self._tasks:
            work = self._followed[namespace].run()
            name = f"names of secrets in {namespace}"
            self._tasks[namespace] = self._group.create_task(work, name=name)


def _name_alone(obj: Object) -> Object:
    kept = ("namespace", "name", "uid", "resourceVersion")
    return {"metadata": {name: obj["metadata"].get(name, "") for name in kept}}
