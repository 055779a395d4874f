"""Where a worker keeps what must survive it: a file of this machine, or the cluster's objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from gateway.core.lease import LeaseStore
from gateway.core.ledger import Ledger
from gateway.stores.kubernetes_leases import KubernetesLeases
from gateway.stores.kubernetes_ledger import KubernetesLedger
from gateway.stores.sqlite import SqliteLedger
from gateway.workers.messages import ClusterHome, Setup, Standing
from tidegate.kube.client import connected
from tidegate.kube.kubeconfig import access_by


class ToldProcesses:
    """What the parent has said of the replicas. See `kubernetes_ledger.Processes`."""

    def __init__(self, identity: str = "") -> None:
        self.identity = identity
        self.standing = Standing()

    def holds(self) -> bool:
        """See `Processes.holds`."""
        return monotonic() < self.standing.until

    def alive(self, identity: str) -> bool:
        """See `Processes.alive`."""
        return identity in self.standing.living


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of one worker."""

    ledger: Ledger
    leases: LeaseStore | None
    processes: ToldProcesses


@asynccontextmanager
async def opened_stores(setup: Setup) -> AsyncIterator[Stores]:
    """The stores that `setup` names, for the length of the block. Raises `AccessError`."""
    if setup.home is not None:
        async with _in_cluster(setup.home) as stores:
            yield stores
        return
    assert setup.ledger is not None
    yield Stores(SqliteLedger(setup.ledger), None, ToldProcesses())


@asynccontextmanager
async def _in_cluster(home: ClusterHome) -> AsyncIterator[Stores]:
    access = await asyncio.to_thread(access_by, home.kubeconfig, home.context)
    async with connected(access) as client:
        processes = ToldProcesses(home.identity)
        ledger = KubernetesLedger(client, home.namespace, processes)
        giving_back = asyncio.create_task(ledger.run(), name="ledger")
        try:
            yield Stores(ledger, KubernetesLeases(client, home.namespace), processes)
        finally:
            giving_back.cancel()
            await asyncio.wait([giving_back])
