"""The controllers as one process: who leads works, the others watch and wait.

```
 settings, access ──> configuration read ──> watches run ─┬─ each of its stores right ──> controller
                                              Lease ours ─┘        (its workers, its queue)
```

A replica that waits has its watches open, so that it goes on at once when the Lease is its own.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from controllers.admin import Admin
from controllers.admin_token import AdminToken
from controllers.config_place import config_place, home_of
from controllers.config_watch import ConfigWatch
from controllers.core.controller import Controller
from controllers.core.workqueue import WorkQueue
from controllers.events import EventRecorder
from controllers.metrics import ControllerNumbers, Numbers, exposition
from controllers.registration import Context, Registration
from controllers.registry import CONTROLLERS
from controllers.settings import ControllerSettings
from controllers.watches import Watches
from tidegate.kube.access import Access
from tidegate.kube.backoff import Backoff
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.elector import Elector, end_process
from tidegate.kube.errors import KubeError, Unavailable
from tidegate.kube.objects import ObjectKey
from tidegate.kube.reflector import ReflectorSettings
from tidegate.kube.transport import ClientSettings

logger = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 20.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What differs between a cluster and a test."""

    reflectors: ReflectorSettings | None = None
    clients: ClientSettings = field(default_factory=ClientSettings)
    cut_off: Callable[[], None] = end_process
    controllers: tuple[Callable[[Context], list[Registration]], ...] = CONTROLLERS
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class ControllerApp:
    """One replica. `run` it; it ends when it is cancelled, or when it must begin anew."""

    def __init__(
        self,
        settings: ControllerSettings,
        access: Access,
        around: Surroundings | None = None,
        name: str = "",
    ) -> None:
        # A process that starts anew under the same name is another replica.
        self.identity = f"{name or socket.gethostname()}_{uuid.uuid4().hex[:8]}"
        self.admin = Admin(self)
        self._settings = settings
        self._access = access
        self._around = around or Surroundings()
        self._config = ConfigWatch(home_of(settings, access))
        self._trouble = ""
        self._registrations: list[Registration] = []
        self._running: dict[str, Controller] = {}
        self._client: KubeClient | None = None
        self._watches: Watches | None = None
        self._elector: Elector | None = None

    def leads(self) -> bool:
        """Return whether this replica is the one that writes now."""
        return self._elector is not None and self._elector.leads()

    def idle(self) -> bool:
        """Return whether every controller has looked at all that it knows of."""
        started = len(self._running) == len(self._registrations) > 0
        return started and all(one.queue.idle for one in self._running.values())

    def requests(self) -> Mapping[tuple[str, str], int]:
        """Return how many requests were made, by verb and resource, elections left out."""
        return {} if self._client is None else self._client.transport.asked

    def waits_for(self) -> list[str]:
        """Return what is missing before work can be done here; empty when nothing is."""
        if self._watches is None:
            return [f"the configuration is not read yet{self._trouble}"]
        return self._watches.missing()

    def metrics(self) -> Callable[[], bytes]:
        """Read the metrics now; the result puts them in Prometheus's text format, in any thread."""
        return partial(exposition, self._numbers())

    async def run(self) -> None:
        """Work while this replica leads. Returns when `functions-namespace` has become another.

        The Lease is given back at the end. Raises OSError when the admin port cannot be had.
        """
        admin = self._settings.admin
        await self.admin.start(admin.host, admin.port)
        try:
            async with self._connected() as (client, elections):
                await self._prepare(client, elections)
                await self._work()
        finally:
            await self.admin.close()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[KubeClient, KubeClient]]:
        """Two clients: behind the slow requests of others a renewal would be late."""
        clients = self._around.clients
        async with connected(self._access, clients) as one, connected(self._access, clients) as two:
            yield one, two

    async def _prepare(self, client: KubeClient, elections: KubeClient) -> None:
        settings = self._settings
        lease = _key(settings.lease.namespace, settings.lease.name, self._access)
        self._elector = Elector(
            elections, lease, self.identity, settings.lease.times, self._around.cut_off
        )
        self._client = client.fenced(self._elector.leads_for)
        await self._load_config(client)
        self._watches = Watches(self._client, self._around.reflectors)
        self._watches.reflector(self._config.selection).subscribe(self._config.follow)
        context = self._context(self._client, self._watches)
        self._registrations = [one for make in self._around.controllers for one in make(context)]

    async def _load_config(self, client: KubeClient) -> None:
        """Read the configuration; it says which namespace to watch."""
        backoff, home = Backoff(_FIRST_WAIT, _LONGEST_WAIT), home_of(self._settings, self._access)
        while True:
            try:
                self._config = ConfigWatch(await config_place(client, self._settings, home))
                return await self._config.load(client)
            except KubeError as error:
                # Rights are granted, and tokens renewed, while we wait.
                self._trouble = f": {error}"
                wait = backoff.wait(error.retry_after if isinstance(error, Unavailable) else None)
                logger.warning("%s; trying again in %.1f s", error, wait)
                await asyncio.sleep(wait)

    def _context(self, client: KubeClient, watches: Watches) -> Context:
        now = self._around.now
        return Context(
            client=client,
            watches=watches,
            namespace=self._namespace(),
            home=_key(self._settings.lease.namespace, "", self._access).namespace,
            config=self._config,
            recorder=EventRecorder(client, now),
            settings=self._settings,
            now=now,
        )

    def _gateways(self) -> str:
        """Return the namespace in which the gateways are."""
        settings = self._settings
        return settings.gateway.namespace or settings.lease.namespace or self._access.namespace

    def _namespace(self) -> str:
        return self._settings.functions_namespace or self._config.current.functions_namespace

    async def _work(self) -> None:
        assert self._watches is not None
        assert self._elector is not None
        namespace, moved = self._namespace(), asyncio.Event()

        def look() -> None:
            if self._namespace() != namespace:
                moved.set()

        self._config.subscribe(look)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._watches.run(), name="watches"),
                group.create_task(self._elector.run(self._lead), name="election"),
            ]
            await moved.wait()
            logger.warning("functions-namespace is %r now; starting anew", self._namespace())
            for task in tasks:
                task.cancel()

    async def _lead(self) -> None:
        """Run every controller, each as soon as it knows what there is."""
        assert self._client is not None
        token = AdminToken(self._client, self._gateways())
        async with asyncio.TaskGroup() as group:
            group.create_task(token.keep(), name="token of operators")
            for one in self._registrations:
                group.create_task(self._run(one), name=f"{one.name} controller")
                if one.beside is not None:
                    group.create_task(_whole(one.beside), name=f"beside {one.name} controller")

    async def _run(self, one: Registration) -> None:
        assert self._watches is not None
        await self._watches.synced(one.feed.mappers)
        queue = WorkQueue()
        controller = Controller(one.name, one.reconciler, queue, workers=self._settings.workers)
        self._running[one.name] = controller
        one.feed.open(self._watches, queue)
        try:
            await controller.run()
        finally:
            one.feed.close()

    def _numbers(self) -> Numbers:
        return Numbers(
            leads=self.leads(),
            controllers={name: _numbers_of(one) for name, one in self._running.items()},
            requests=dict(self.requests()),
            watches={} if self._watches is None else self._watches.standing(),
        )


async def _whole(beside: Callable[[], Awaitable[None]]) -> None:
    await beside()


def _key(namespace: str, name: str, access: Access) -> ObjectKey:
    return ObjectKey(namespace or access.namespace, name)


def _numbers_of(controller: Controller) -> ControllerNumbers:
    counts = controller.counts
    return ControllerNumbers(len(controller.queue), dict(counts.outcomes), counts.seconds)
