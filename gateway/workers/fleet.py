"""The gateway of several processes, as its owner sees it: like `gateway.app.Gateway`."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.app import listen, silent
from gateway.context import Context, Secrets
from gateway.core.progress import Progress
from gateway.core.recollection import Question
from gateway.core.shared import Shared
from gateway.core.witness import Feed, Found
from gateway.dead_letters import DeadLetters
from gateway.errors import ConfigError
from gateway.http.endpoints import Address, Endpoints, FunctionKey
from gateway.http.routes import RouteTable
from gateway.metrics import WorkerState, exposition
from gateway.replay.replays import Replays
from gateway.server.admin import Admin, Notes, nothing
from gateway.settings import KafkaSettings, Settings
from gateway.stores.memory import MemoryLedger
from gateway.stores.sqlite import SqliteLedger
from gateway.trial import Trials
from gateway.workers.accounts import Accounts
from gateway.workers.inquiries import Inquiries
from gateway.workers.listeners import Place, found, listening
from gateway.workers.messages import ClusterHome, Setup, Standing, Update
from gateway.workers.placement import loosened, placed
from gateway.workers.secrets import copied
from gateway.workers.settings import FleetSettings
from gateway.workers.slot import Slot
from tidegate.api.subscription import Subscription

logger = logging.getLogger(__name__)


class Fleet:
    """Keeps workers, and is what one gateway is: `start`, `run`, `apply`, `stop`.

    Subscriptions, Secrets and endpoints are pushed to the workers, which share out the events by
    what the brokers offer (groups, durables, leases), the calls by the front door's sockets, and
    what only one may run by place. Dead letters are read and tried again from here.
    """

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        fleet: FleetSettings,
        extend_admin: Callable[[web.Application], None] | None = None,
        home: ClusterHome | None = None,
    ) -> None:
        self.withheld = False
        """See `Gateway.withheld`."""

        self.notes: Notes = nothing
        """See `Health.notes`."""

        self.accounts = Accounts()
        self.endpoints = PushedEndpoints(self._push)
        self.drain_timeout = settings.lifecycle.drain_timeout
        self._settings = settings
        self._secrets = secrets
        self.care = fleet
        self._wanted: tuple[Subscription, ...] = ()
        self._places: list[Place] = []
        self._slots = [Slot(place, self) for place in range(fleet.workers)]
        self.inquiries = Inquiries(self._ask)
        self._name = uuid.uuid4().hex[:8]
        self._stopping = False
        self._home = home
        self._standing = Standing()
        context = Context(settings, secrets, MemoryLedger(), Shared(), RouteTable(), self.endpoints)
        self.dead_letters = DeadLetters(lambda: self._wanted, context)
        self.trials = Trials(lambda: self._wanted, context)
        self.replays = Replays(lambda: self._wanted, context, self.dead_letters, self.decisions)
        self._admin = Admin(self, extend_admin)

    @property
    def port(self) -> int:
        """The port of the front door."""
        return int(self._places[0].address[1])

    @property
    def kafka(self) -> KafkaSettings:
        """The brokers of what names none, and how to log in to them."""
        return self._settings.kafka

    @property
    def admin_port(self) -> int:
        """The port of the admin server."""
        return self._admin.port

    def workers(self) -> list[dict[str, Any]]:
        """Return a row for each worker, as the control API shows it. Field names are stable."""
        return [
            {
                "worker": slot.place,
                "pid": slot.pid,
                "serving": slot.serving,
                "restarts": slot.restarts,
                "received": self.accounts.received(slot.place),
            }
            for slot in self._slots
        ]

    async def start(self) -> None:
        """Open the ports. Raises `ConfigError` that names what cannot be had."""
        http, admin = self._settings.http, self._settings.admin
        try:
            await listen("the front door", self._open_front, http.host, http.port)
            await listen("the admin server", self._admin.start, admin.host, admin.port)
            if self.care.ledger is not None:
                await _prepared(self.care.ledger)
        except ConfigError:
            await self._close()
            raise

    def apply(self, subscriptions: Iterable[Subscription]) -> None:
        """Run exactly `subscriptions` from now on."""
        if self._stopping:
            return
        before, self._wanted = self._wanted, tuple(subscriptions)
        self.accounts.want(self._wanted)
        for one in self._wanted:
            caveat = loosened(one, len(self._slots))
            if caveat and one not in before:
                logger.warning("%s: %s", one.id, caveat)
        for slot in self._slots:
            slot.tell(self._share_of(slot.place))

    def resume(self, function: FunctionKey) -> None:
        """Try again what is parked for a function that has been changed."""
        self._push(Update(resume=frozenset((function,))))

    async def decisions(self, question: Question) -> Found:
        """See `Witness.decisions`."""
        return await self.inquiries.decisions(question)

    def feed(self, question: Question, *, payload: bool) -> AbstractAsyncContextManager[Feed]:
        """See `Witness.feed`."""
        return self.inquiries.feed(question, payload=payload)

    def stand(self, standing: Standing) -> None:
        """Tell the workers how this replica of a cluster stands with the others."""
        self._standing = standing
        self._push(Update(standing=standing))

    async def run(self) -> None:
        """Serve until `stop`; returns when every worker has drained and ended."""
        try:
            async with asyncio.TaskGroup() as group:
                for slot in self._slots:
                    group.create_task(slot.keep(), name=slot.name)
        finally:
            await self._close()

    def stop(self) -> None:
        """Take no more calls and drain. `run` returns when that is done."""
        self._stopping = True
        for slot in self._slots:
            slot.stop()

    # For the places.

    def setup(self, place: int) -> Setup:
        """See `Home.setup`."""
        share = self._share_of(place)
        first = replace(share, endpoints=self.endpoints.all(), standing=self._standing)
        limits = self._settings.limits
        # The memory of the machine is the same, however many share it.
        part = replace(limits, total_bytes=limits.total_bytes // len(self._slots))
        kafka = replace(self._settings.kafka, place=f"{self._name}-{place}")
        settings = replace(self._settings, limits=part, kafka=kafka)
        level = logging.getLogger().getEffectiveLevel()
        return Setup(settings, self.care.ledger, level, first, self._home)

    def sockets(self) -> list[socket.socket]:
        """See `Home.sockets`."""
        return listening(self._places)

    # Health, for the admin server.

    def problems(self) -> list[str]:
        """See `Health.problems`."""
        return silent(self.subscriptions(), self._settings.lifecycle)

    def ready(self) -> bool:
        """See `Health.ready`."""
        return not (self._stopping or self.withheld) and any(slot.serving for slot in self._slots)

    def subscriptions(self) -> list[tuple[Subscription, Progress]]:
        """See `Health.subscriptions`."""
        return self.accounts.rows()

    def metrics(self) -> Callable[[], bytes]:
        """See `Health.metrics`."""
        rows = [(one, progress.snapshot()) for one, progress in self.subscriptions()]
        workers = [WorkerState(one.place, one.serving, one.restarts) for one in self._slots]
        return lambda: exposition(lambda: rows, workers)

    async def _open_front(self, host: str, port: int) -> None:
        self._places = await found(host, port)
        for slot in self._slots:
            slot.open()

    async def _close(self) -> None:
        for slot in self._slots:
            slot.close()
        await self._admin.close()

    def _push(self, update: Update) -> None:
        for slot in self._slots:
            slot.tell(update)

    def _ask(self, update: Update) -> list[int]:
        """Tell the workers that run; return their places."""
        running = [slot for slot in self._slots if slot.pid]
        for slot in running:
            slot.tell(update)
        return [slot.place for slot in running]

    def _share_of(self, place: int) -> Update:
        shares = (placed(one, place, len(self._slots)) for one in self._wanted)
        mine = tuple(one for one in shares if one is not None)
        return Update(mine, copied(mine, self._secrets))


class PushedEndpoints(Endpoints):
    """Endpoints that every worker is told of."""

    def __init__(self, push: Callable[[Update], None]) -> None:
        super().__init__()
        self._push = push

    def set(self, function: FunctionKey, addresses: Iterable[Address]) -> None:
        """See `Endpoints.set`."""
        ready = tuple(addresses)
        super().set(function, ready)
        self._push(Update(endpoints={function: ready}))

    def all(self) -> dict[FunctionKey, tuple[Address, ...]]:
        """Return every function that has addresses."""
        return dict(self._addresses)


async def _prepared(path: Path) -> None:
    """Make the ledger before several open it at once. Raises `ConfigError` for a wrong file."""
    ledger = SqliteLedger(path)
    try:
        await ledger.open()
    finally:
        await ledger.close()
