"""The ledger of a cluster: one Kubernetes Lease for each subscription that keeps something.

Its holder is the process that runs the subscription. It stands for as long as that process lives,
which its own Lease shows for all its subscriptions together: a thousand cron triggers that do not
fire cost no writes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import NoReturn, Protocol

from gateway.errors import GatewayError, SourceUnavailable
from gateway.stores.kubernetes import Changed, LeaseObjects, holder_of, values_of
from tidegate.kube.backoff import Backoff
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object

FIRST_LOOK, LAST_LOOK = 0.1, 2.0
"""Seconds between two looks at what another replica still holds; they grow."""

GRACE = 2.0
"""Seconds before a record is taken from a process that is not known to live: it may have come a
moment ago, and we are told a little later."""

LAST_RETURN = 5.0
"""Seconds at most between two tries to give back what others wait for."""

LOOKING = 20.0
"""Seconds after which `get` says that another replica holds on."""


class Processes(Protocol):
    """Which processes may write."""

    identity: str
    """This one; no other process has it, not even a successor."""

    def holds(self) -> bool:
        """Tell whether all others still take this one for alive."""
        ...

    def alive(self, identity: str) -> bool:
        """Tell whether another process may still be at work."""
        ...


class KubernetesLedger:
    """A `Ledger` in Leases of `namespace`. What `put` has written, no other process overwrites."""

    def __init__(self, client: KubeClient, namespace: str, processes: Processes) -> None:
        self._objects = LeaseObjects(client, namespace, "ledger")
        self._processes = processes
        self._ours: set[str] = set()
        self._held: dict[str, Object] = {}
        self._owed: set[str] = set()
        self._owing = asyncio.Event()

    async def run(self) -> NoReturn:
        """Give back, until cancelled, what could not be given back when it was released."""
        backoff = Backoff(FIRST_LOOK, LAST_RETURN)
        while True:
            await self._owing.wait()
            await asyncio.sleep(backoff.wait())
            for subscription in tuple(self._owed):
                with suppress(GatewayError):
                    await self._give_back(subscription)
            if not self._owed:
                self._owing.clear()
                backoff.reset()

    async def get(self, subscription: str, name: str) -> str | None:
        """Return what is kept, once no other process that lives holds it."""
        self._owed.discard(subscription)
        self._ours.add(subscription)
        await self._acquire(subscription)
        return values_of(self._held[subscription]).get(_annotation(name))

    async def put(self, subscription: str, name: str, value: str) -> None:
        """Keep `value`. Raises `SourceUnavailable` when another process has taken over."""
        self._check_alive(subscription)
        before = self._held.get(subscription)
        if before is None:
            raise SourceUnavailable(f"{subscription}: what is kept of it must be read first")
        values = values_of(before) | {_annotation(name): value}
        await self._write(subscription, before, self._processes.identity, values)

    async def release(self, subscription: str) -> None:
        """Let another process take over at once. What fails now is tried again by `run`."""
        if subscription not in self._ours:
            return
        self._ours.discard(subscription)
        self._owed.add(subscription)
        try:
            await self._give_back(subscription)
        finally:
            if self._owed:
                self._owing.set()

    async def _give_back(self, subscription: str) -> None:
        # Read again: a call that was cancelled may have written after all.
        before = self._held.pop(subscription, None) or await self._objects.read(subscription)
        if subscription in self._owed and holder_of(before) == self._processes.identity:
            await self._write(subscription, before, "", values_of(before))
        self._owed.discard(subscription)
        self._held.pop(subscription, None)

    async def close(self) -> None:
        """Nothing to let go of: the client is the gateway's."""

    async def _acquire(self, subscription: str) -> None:
        backoff = Backoff(FIRST_LOOK, LAST_LOOK)
        holder, since = "", monotonic()
        try:
            async with asyncio.timeout(LOOKING):
                while holder := await self._taken_by_another(subscription, since):  # noqa: ASYNC110
                    await asyncio.sleep(backoff.wait())
        except TimeoutError as error:
            why = f"replica {holder} still finishes what it began" if holder else "no answer"
            raise SourceUnavailable(f"{subscription}: taking over: {why}") from error

    async def _taken_by_another(self, subscription: str, since: float) -> str:
        """Take hold if nobody has; return who has it otherwise."""
        self._check_alive(subscription)
        before, me = await self._objects.read(subscription), self._processes.identity
        holder = holder_of(before)
        if holder == me and before is not None:
            self._held[subscription] = before
            return ""
        if holder and (self._processes.alive(holder) or monotonic() - since < GRACE):
            return holder
        await self._write(subscription, before, me, values_of(before))
        return ""

    async def _write(
        self, subscription: str, before: Object | None, holder: str, values: dict[str, str]
    ) -> None:
        lease = self._objects.lease(subscription, before, holder, values)
        try:
            self._held[subscription] = await self._objects.write(subscription, before, lease)
        except Changed:
            # By another, or by an earlier write of ours whose answer was lost.
            self._held.pop(subscription, None)
            raise SourceUnavailable(
                f"{subscription}: what is kept of it has been written elsewhere; reading it again"
            ) from None

    def _check_alive(self, subscription: str) -> None:
        if not self._processes.holds():
            raise SourceUnavailable(
                f"{subscription}: this replica could not renew its Lease; another may run it now"
            )


def _annotation(name: str) -> str:
    return f"tidegate.io/{name}"
