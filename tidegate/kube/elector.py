"""Work that only one replica does at a time: while it holds a Lease, and never longer.

```
 contend ──> hold ── renewed in time ──> hold
    ^         ├── taken by another, or not renewed until `renew_deadline` ──> stop the work
    └─────────┴── the work has stopped <───────────────────────────────────────┘
```

Every time is counted, by the monotonic clock, from the moment before the request that took or
renewed the Lease was sent; others count from when they see it, which is later. So the work has
`duration - renew_deadline` to stop before anyone else may begin. What is still running then is cut
off by ending the process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from tidegate.kube.client import KubeClient
from tidegate.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from tidegate.kube.lease import LeaseRecord, Observation, lease_object, record_of
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import LEASES

logger = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]

_TURNS = 0.1
"""To be cancelled, even the quickest work needs some turns of the loop."""

_EXIT_CODE = 75
"""EX_TEMPFAIL: start this process again."""


@dataclass(frozen=True, slots=True)
class ElectorSettings:
    """Times of an election; those of Kubernetes' own controllers."""

    duration: int = 15
    """How long others leave a holder alone that is not heard of; a Lease has whole seconds."""

    renew_deadline: float = 10.0
    """How long after its last renewal a holder goes on working; the rest is for stopping."""

    retry_period: float = 2.0
    """Between renewals, and between looks at somebody else's Lease."""

    call_timeout: float = 4.0
    """For one call, so that several fit into `renew_deadline`."""

    def __post_init__(self) -> None:
        """Refuse times with which two could lead."""
        if not self.duration > self.renew_deadline > self.retry_period > 0:
            raise ValueError("duration > renew_deadline > retry_period > 0 must hold")

    @classmethod
    def lasting(cls, duration: int) -> ElectorSettings:
        """Return the usual times on the scale of a Lease of `duration` seconds."""
        usual = cls()
        scale = duration / usual.duration
        return cls(
            duration,
            usual.renew_deadline * scale,
            usual.retry_period * scale,
            usual.call_timeout * scale,
        )


def end_process() -> None:
    """End at once: there is no other way to be sure that nothing is written any more."""
    os._exit(_EXIT_CODE)


class Elector:
    """Runs work while this replica, and nobody else, holds the Lease `key`.

    `identity` must be of this process alone: one that starts anew is another replica.
    `client` should be the elector's own: behind the slow requests of others a renewal is late.
    `cut_off` is called when the work does not stop before the Lease ends.
    """

    def __init__(
        self,
        client: KubeClient,
        key: ObjectKey,
        identity: str,
        settings: ElectorSettings | None = None,
        cut_off: Callable[[], None] = end_process,
    ) -> None:
        self._client = client
        self._key = key
        self._identity = identity
        self._settings = settings or ElectorSettings()
        self._cut_off = cut_off
        self._record = LeaseRecord()
        self._observed = Observation()
        self._renewed_at = float("-inf")
        self._lost = True

    def leads(self) -> bool:
        """Return whether we may write now. It reads the clock, so no late timer makes it wrong."""
        return self.leads_for() > 0

    def leads_for(self) -> float:
        """Return for how many seconds more we may write; not above 0 when we may not."""
        return 0.0 if self._lost else self._stop_at - monotonic()

    async def run(self, work: Work) -> None:
        """Run `work` whenever the Lease is ours, until it returns by itself.

        It is cancelled when the Lease is lost, and begun again when it is won again. The Lease is
        given back at the end. Raises what `work` raises; no error of the API server.
        """
        while True:
            await self._contend()
            logger.info("lease %s: %s leads", self._key, self._identity)
            if await self._hold(work):
                return

    @property
    def _stop_at(self) -> float:
        return self._renewed_at + self._settings.renew_deadline

    @property
    def _ends_at(self) -> float:
        return self._renewed_at + self._settings.duration

    async def _contend(self) -> None:
        while True:
            try:
                if await self._take():
                    return
            except (KubeError, TimeoutError) as error:
                logger.warning("lease %s: not to be had: %s", self._key, error)
            await asyncio.sleep(self._pause())

    async def _take(self) -> bool:
        """Take the Lease if it is free. Return whether it is ours."""
        await self._look()
        now = monotonic()
        if self._record.holder != self._identity and self._observed.holds(now):
            return False
        try:
            await self._write(self._record.taken_by(self._identity, self._settings.duration))
        except (Conflict, AlreadyExists):
            return False  # another was quicker
        self._renewed_at, self._lost = now, False
        return self.leads()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(self._settings.call_timeout):
                self._record = record_of(await self._client.get(LEASES, self._key))
        except NotFound:
            self._record = LeaseRecord()
            return
        self._observed.see(self._record, monotonic())

    async def _write(self, record: LeaseRecord) -> None:
        lease = lease_object(self._key, record)
        write = self._client.update if record.version else self._client.create
        async with asyncio.timeout(self._settings.call_timeout):
            self._record = record_of(await write(LEASES, lease))

    async def _hold(self, work: Work) -> bool:
        """Keep the Lease while `work` runs. Return whether it ended by itself."""
        task = asyncio.create_task(_awaited(work), name=f"work under lease {self._key}")
        try:
            await self._renew_until(task)
            ended = task.done()
        finally:
            await self._stop(task)
        if not task.cancelled():
            task.result()
        return ended

    async def _renew_until(self, task: asyncio.Task[None]) -> None:
        """Return when `task` is over or the Lease is lost."""
        while not task.done():
            left = self._stop_at - monotonic()
            if left <= 0:
                logger.error("lease %s: not renewed in time; %s stops", self._key, self._identity)
                return
            await asyncio.wait({task}, timeout=min(self._pause(), left))
            if not task.done() and not await self._renewed():
                logger.error("lease %s: held by %r now", self._key, self._record.holder)
                return

    async def _renewed(self) -> bool:
        """Try to renew. Return False when another has the Lease; a failure is no loss yet."""
        left = self._stop_at - monotonic()
        try:
            async with asyncio.timeout(max(left, 0.0)):
                return await self._renew()
        except (KubeError, TimeoutError) as error:
            logger.warning("lease %s: not renewed, %.1f s left: %s", self._key, left, error)
            return True

    async def _renew(self) -> bool:
        now = monotonic()
        try:
            await self._write(self._record.taken_by(self._identity, self._settings.duration))
        except Conflict:
            await self._look()
            self._lost = self._record.holder != self._identity
            if self._lost:
                return False
            # An earlier renewal, whose answer was lost, went through after all.
            now = monotonic()
            await self._write(self._record.taken_by(self._identity, self._settings.duration))
        self._renewed_at = now
        return True

    async def _stop(self, task: asyncio.Task[None]) -> None:
        """Cancel the work and see it end before the Lease does; then give the Lease back."""
        task.cancel()
        if self.leads():
            await self._renew_until(task)  # a shutdown may take longer than a Lease lasts
        left = self._ends_at - monotonic()
        await asyncio.wait({task}, timeout=max(left, _TURNS))
        if not task.done():
            logger.critical("lease %s: the work does not stop; ending the process", self._key)
            self._cut_off()
            await asyncio.wait({task})
        await self._give_back()

    async def _give_back(self) -> None:
        held = not self._lost and monotonic() < self._ends_at
        self._lost = True
        if not held:
            return
        try:
            await self._write(self._record.given_back())
        except (KubeError, TimeoutError) as error:
            logger.warning("lease %s: not given back, it will run out: %s", self._key, error)

    def _pause(self) -> float:
        return self._settings.retry_period * random.uniform(0.8, 1.2)


async def _awaited(work: Work) -> None:
    await work()
