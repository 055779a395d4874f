"""What is kept of triggers that are gone for good: removed, but not at once.

A trigger that was deleted by mistake and comes back within days goes on where it was; after that
nobody can mean it any more, and what is left would stay for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from gateway.cluster.wanted import Name
from gateway.stores.kubernetes import KEEPS, SUBJECT
from tidegate.kube.client import Deletion, KubeClient
from tidegate.kube.errors import KubeError
from tidegate.kube.objects import Object, key_of, version_of
from tidegate.kube.resources import LEASES
from tidegate.kube.selection import Selection

logger = logging.getLogger(__name__)

KEPT = timedelta(days=7)
"""How long what a trigger left is kept; more than a broker keeps by default."""

EVERY = 3600.0
"""Seconds between two looks."""


class Leftovers:
    """Removes what is kept in `home` of triggers that `known` does not know any more."""

    def __init__(self, client: KubeClient, home: str, known: Callable[[Name], bool]) -> None:
        self._client = client
        self._home = home
        self._known = known

    async def run(self, due: Callable[[], bool]) -> NoReturn:
        """Look now and then, where `due` says that it is for this replica to do."""
        while True:
            await asyncio.sleep(EVERY)
            if due():
                await self.remove(datetime.now(UTC))

    async def remove(self, now: datetime) -> None:
        """Remove what was last written so long before `now`."""
        try:
            listed = await self._client.list(Selection(LEASES, self._home, KEEPS))
            for lease in listed.items:
                if self._is_left(lease, now):
                    condition = Deletion(version=version_of(lease))
                    await self._client.delete(LEASES, key_of(lease), condition)
                    logger.info("lease %s: removed; its trigger is gone", key_of(lease))
        except KubeError as error:
            logger.warning("what is kept of triggers that are gone: later: %s", error)

    def _is_left(self, lease: Object, now: datetime) -> bool:
        name = _trigger(lease)
        return name is not None and not self._known(name) and now - _written(lease, now) > KEPT


def _trigger(lease: Object) -> Name | None:
    """Return the trigger whose subscription, or group of shards, a Lease is about."""
    subject = (lease["metadata"].get("annotations") or {}).get(SUBJECT, "")
    parts = subject.split("/")
    return Name(parts[1], parts[0], parts[2]) if len(parts) > 3 else None


def _written(lease: Object, now: datetime) -> datetime:
    """Return when it was last written; what cannot be read was written now."""
    try:
        at = datetime.fromisoformat((lease.get("spec") or {}).get("renewTime", ""))
    except ValueError:
        return now
    return at if at.tzinfo is not None else now
