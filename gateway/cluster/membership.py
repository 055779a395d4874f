"""The Lease of this replica of the gateway, and what those of the others say; see `Roll`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic
from typing import NoReturn

from gateway.cluster.roll import LEAVING, Roll
from gateway.cluster.settings import ClusterSettings
from tidegate.kube.client import Deletion, KubeClient
from tidegate.kube.errors import KubeError
from tidegate.kube.lease import record_of
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.reflector import Reflector
from tidegate.kube.resources import LEASES
from tidegate.kube.selection import Selection
from tidegate.kube.store import Delta

logger = logging.getLogger(__name__)

GROUP_LABEL = "tidegate.io/gateway"

FAREWELL_TIMEOUT = 3.0
"""For the last words to the API server."""


class Membership:
    """Keeps the Lease of this replica, and knows who else lives. `changed` is called on news.

    `identity` is of this process alone; `settings.name` is also that of its successor.
    """

    def __init__(
        self,
        client: KubeClient,
        settings: ClusterSettings,
        identity: str,
        changed: Callable[[], None],
    ) -> None:
        self.identity = identity
        self._client = client
        self._settings = settings
        self._changed = changed
        self._key = ObjectKey(settings.home, f"{settings.group}-{settings.name}")
        self._roll = Roll(self._key.name, identity, settings.lease / 2)
        labels = f"{GROUP_LABEL}={settings.group}"
        self._reflector = Reflector(client, Selection(LEASES, settings.home, labels))
        self._reflector.subscribe(self._heard)
        self._seen = self._roll.sharing()
        self._news = asyncio.Event()
        self._renewed_at = float("-inf")
        self._leaving = False
        self.joined = asyncio.Event()
        """Set once our own Lease was seen, and with it those of the others."""

    @property
    def me(self) -> str:
        """The name of this replica among `sharing`."""
        return self._key.name

    def sharing(self) -> frozenset[str]:
        """Return the replicas that share the work now, this one among them."""
        return self._seen

    def alive(self, identity: str) -> bool:
        """Tell whether another process may still be at work."""
        return self._roll.alive(identity)

    def holds(self) -> bool:
        """Tell whether all others still take this replica for alive."""
        return monotonic() < self.trusted_until

    @property
    def trusted_until(self) -> float:
        """How long all others take this replica for alive, by the monotonic clock."""
        return self._renewed_at + self._settings.lease * 2 / 3

    def living(self) -> frozenset[str]:
        """Return the identities of all processes that may still be at work."""
        return self._roll.living() | {self.identity}

    async def run(self) -> NoReturn:
        """Show signs of life and watch those of others, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reflector.run(), name="replicas")
            group.create_task(self._keep(), name="lease of this replica")
            await self._watch_ends()
        raise AssertionError("unreachable")

    async def leave_work(self) -> None:
        """Tell the others to take over; we still finish what was begun."""
        self._leaving = True
        await self._said("said to leave", self._renew())

    async def leave(self) -> None:
        """Tell the others that this process does nothing any more. Call it after `run`."""
        self._renewed_at = float("-inf")
        await self._said("deleted", self._client.delete(LEASES, self._key))

    async def _said(self, what: str, words: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(FAREWELL_TIMEOUT):
                await words
        except (KubeError, TimeoutError) as error:
            logger.warning("lease %s: not %s, it will run out: %s", self._key, what, error)

    async def _keep(self) -> NoReturn:
        failing = False
        while True:
            try:
                async with asyncio.timeout(self._settings.lease / 3):
                    await self._renew()
                    await self._sweep()
                failing = False
            except (KubeError, TimeoutError) as error:
                if not failing:
                    reason = str(error) or "no answer in time"
                    logger.warning("lease %s: not renewed: %s", self._key, reason)
                failing = True
            await asyncio.sleep(self._settings.renew)

    async def _renew(self) -> None:
        began = monotonic()
        await self._client.apply(LEASES, self._lease(), force=True)
        self._renewed_at = began

    def _lease(self) -> Object:
        metadata: Object = {
            "namespace": self._key.namespace,
            "name": self._key.name,
            "labels": {
                GROUP_LABEL: self._settings.group,
                "app.kubernetes.io/managed-by": "tidegate",
            },
        }
        if self._leaving:
            metadata["annotations"] = {LEAVING: "true"}
        spec = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._settings.lease)),
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        return {"metadata": metadata, "spec": spec}

    async def _sweep(self) -> None:
        """Delete the Leases of replicas that died long ago, unless they came back meanwhile."""
        for name, version in self._roll.long_dead():
            key = ObjectKey(self._key.namespace, name)
            try:
                await self._client.delete(LEASES, key, Deletion(version=version))
            except KubeError as error:
                logger.debug("lease %s: not deleted: %s", key, error)

    async def _watch_ends(self) -> NoReturn:
        """Look who lives whenever a Lease has changed or may have run out."""
        while True:
            self._news.clear()
            try:
                async with asyncio.timeout(self._roll.next_end()):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._look()

    def _heard(self, delta: Delta) -> None:
        if delta.new is None:
            self._roll.forget(delta.key.name)
        else:
            self._roll.see(delta.key.name, delta.new)
            if delta.key == self._key and record_of(delta.new).holder == self.identity:
                self.joined.set()
        self._news.set()

    def _look(self) -> None:
        sharing = self._roll.sharing()
        if sharing == self._seen:
            return
        for name in sharing - self._seen:
            logger.info("replica %s: shares the work", name)
        for name in self._seen - sharing:
            logger.info("replica %s: shares the work no more", name)
        self._seen = sharing
        self._changed()
