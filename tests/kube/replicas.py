"""Replicas that contend for a Lease, and the stage on which one of them works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.fakes.kube_proxy import KubeProxy
from tidegate.kube.access import Access
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.elector import Elector, ElectorSettings
from tidegate.kube.lease import LeaseRecord, record_of
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import LEASES

KEY = ObjectKey("default", "controllers")
QUICK = ElectorSettings(duration=3, renew_deadline=1.5, retry_period=0.2, call_timeout=0.5)


@dataclass
class Stage:
    """Where leaders work. `together` is how many worked at a time, at most."""

    working: set[str] = field(default_factory=set)
    led: list[str] = field(default_factory=list)
    together: int = 0

    async def work(self, identity: str) -> None:
        """Work until cancelled."""
        self.working.add(identity)
        self.led.append(identity)
        self.together = max(self.together, len(self.working))
        try:
            await asyncio.Event().wait()
        finally:
            self.working.discard(identity)


@dataclass
class Replica:
    """An elector that runs, and the network between it and the API server."""

    elector: Elector
    proxy: KubeProxy
    client: KubeClient
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """Shut down in order."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def replica_of(
    access: Access, stage: Stage, identity: str, settings: ElectorSettings = QUICK
) -> AsyncIterator[Replica]:
    """A replica of that identity, for the length of the block."""
    async with AsyncExitStack() as stack:
        proxy = KubeProxy(access)
        await stack.enter_async_context(proxy.running())
        client = await stack.enter_async_context(connected(proxy.access))
        elector = Elector(client, KEY, identity, settings)
        work = elector.run(lambda: stage.work(identity))
        replica = Replica(elector, proxy, client, asyncio.create_task(work, name=identity))
        stack.push_async_callback(replica.stop)
        yield replica


async def lease_now(access: Access) -> LeaseRecord:
    """Return what the Lease says."""
    async with connected(access) as client:
        return record_of(await client.get(LEASES, KEY))
