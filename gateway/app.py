"""The composition root of the data plane: the only module that knows everyone."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from gateway.context import Context, Secrets
from gateway.core.budget import Budget
from gateway.core.lease import LeaseStore
from gateway.core.ledger import Ledger
from gateway.core.progress import Progress, State
from gateway.core.recollection import Question
from gateway.core.route import Limits
from gateway.core.shared import Shared
from gateway.core.supervisor import Restarts, Supervisor
from gateway.core.witness import Feed, Found, Witness
from gateway.dead_letters import DeadLetters
from gateway.errors import ConfigError
from gateway.http.awaited_routes import AwaitedRoutes
from gateway.http.endpoints import Endpoints, FunctionKey
from gateway.http.server import Server
from gateway.metrics import exposition
from gateway.registry import build
from gateway.replay.replays import Replays
from gateway.server.admin import Admin, Notes, nothing
from gateway.server.ingress import Ingress
from gateway.settings import KafkaSettings, LifecycleSettings, Settings
from gateway.trial import Trials
from tidegate.api.subscription import Subscription

logger = logging.getLogger(__name__)

HANG_UP_TIMEOUT = 5.0
"""Seconds for answers that are written but not read yet, after everything has drained."""


class Gateway:
    """The whole data plane of one process.

    `start` opens its ports, `run` serves until `stop`, and then everything has drained and is
    closed. `apply` may be called at any time. Who runs the functions keeps `endpoints` current.
    """

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        ledger: Ledger,
        extend_admin: Callable[[web.Application], None] | None = None,
        leases: LeaseStore | None = None,
    ) -> None:
        self.endpoints = Endpoints()
        self._withheld = False
        self.notes: Notes = nothing
        """See `Health.notes`."""

        self._settings = settings
        self._ledger = ledger
        self._routes = routes = AwaitedRoutes()
        context = Context(settings, secrets, ledger, Shared(), routes, self.endpoints, leases)
        self.dead_letters = DeadLetters(
            lambda: [one for one, _ in self._supervisor.progress()], context
        )
        self.trials = Trials(lambda: [one for one, _ in self._supervisor.progress()], context)
        self.replays = Replays(
            lambda: [one for one, _ in self._supervisor.progress()],
            context,
            self.dead_letters,
            self.decisions,
        )
        self._supervisor = Supervisor(
            lambda subscription: build(subscription, context),
            _limits(settings),
            _restarts(settings),
        )
        self.witness = Witness(self._supervisor.recollect, self._supervisor.progress)
        self._ingress = Ingress(routes)
        self._front = Server(self._ingress)
        self._admin = Admin(self, extend_admin)

    @property
    def port(self) -> int:
        """The port of the front door."""
        return self._front.port

    @property
    def kafka(self) -> KafkaSettings:
        """The brokers of what names none, and how to log in to them."""
        return self._settings.kafka

    @property
    def admin_port(self) -> int:
        """The port of the admin server."""
        return self._admin.port

    async def start(self) -> None:
        """Open the ports. Raises `ConfigError` that names the one that cannot be had."""
        http, admin = self._settings.http, self._settings.admin
        try:
            await listen("the front door", self._front.start, http.host, http.port)
            await listen("the admin server", self._admin.start, admin.host, admin.port)
        except ConfigError:
            await self._front.close()
            await self._admin.close()
            raise

    async def listen(self, sockets: Iterable[socket.socket]) -> None:
        """Take calls on sockets that another process has opened; its admin server serves all."""
        await self._front.listen(sockets)

    async def routed(self, count: int) -> None:
        """Return when `count` routes were added or refused since the start."""
        await self._routes.asked_for(count)

    def apply(self, subscriptions: Iterable[Subscription]) -> None:
        """Run exactly `subscriptions` from now on."""
        self._supervisor.want(subscriptions)

    def resume(self, function: FunctionKey) -> None:
        """Try again what is parked for a function that has been changed."""
        self._supervisor.resume(*function)

    async def decisions(self, question: Question) -> Found:
        """See `Witness.decisions`."""
        return await self.witness.decisions(question)

    def feed(self, question: Question, *, payload: bool) -> AbstractAsyncContextManager[Feed]:
        """See `Witness.feed`."""
        return self.witness.feed(question, payload=payload)

    async def run(self) -> None:
        """Serve until `stop`; returns when everything has drained and is closed."""
        try:
            await self._supervisor.run()
        finally:
            await self._hang_up()
            await self._admin.close()
            await self._ledger.close()

    async def _hang_up(self) -> None:
        """Close the front door when the last answers have reached their callers, or soon after."""
        try:
            async with asyncio.timeout(HANG_UP_TIMEOUT):
                await self._front.drain()
        except TimeoutError:
            message = "the front door: %d callers did not take their answers within %g s"
            logger.warning(message, self._front.open_connections, HANG_UP_TIMEOUT)
        await self._front.close()

    def stop(self) -> None:
        """Take no more calls and drain. `run` returns when that is done."""
        self._ingress.stopping = True
        self._front.draining = True
        self._supervisor.stop()

    @property
    def withheld(self) -> bool:
        """Whether calls shall go to other replicas; those that come are taken all the same.

        Their answers say `Connection: close`: a kept connection would stay here to the end.
        """
        return self._withheld

    @withheld.setter
    def withheld(self, withheld: bool) -> None:
        self._withheld = withheld
        self._front.draining = withheld or self._ingress.stopping

    # Health, for the admin server.

    def problems(self) -> list[str]:
        """See `Health.problems`: sources that hear nothing though they were made anew."""
        return silent(self._supervisor.progress(), self._settings.lifecycle)

    def ready(self) -> bool:
        """See `Health.ready`."""
        return not (self.withheld or self._ingress.stopping)

    def subscriptions(self) -> list[tuple[Subscription, Progress]]:
        """See `Health.subscriptions`."""
        return list(self._supervisor.progress())

    def metrics(self) -> Callable[[], bytes]:
        """See `Health.metrics`."""
        rows = [(one, progress.snapshot()) for one, progress in self._supervisor.progress()]
        return lambda: exposition(lambda: rows)


def _limits(settings: Settings) -> Limits:
    limits = settings.limits
    return Limits(
        limits.queued_events,
        limits.queued_bytes,
        settings.lifecycle.drain_timeout,
        Budget(limits.total_bytes),
        decisions=limits.decisions,
        total_decisions=limits.total_decisions,
    )


def _restarts(settings: Settings) -> Restarts:
    lifecycle = settings.lifecycle
    return Restarts(lifecycle.restart_delay, lifecycle.restart_delay_max, lifecycle.stall_timeout)


def silent(
    subscriptions: Iterable[tuple[Subscription, Progress]], lifecycle: LifecycleSettings
) -> list[str]:
    """Say which sources hear nothing though they were made anew."""
    limit = 4 * lifecycle.stall_timeout
    return [
        f"{one.id}: no word from its broker for {progress.silence():.0f} s"
        for one, progress in subscriptions
        if progress.state is State.RUNNING and progress.watched and progress.silence() > limit
    ]


async def listen(
    what: str, start: Callable[[str, int], Awaitable[None]], host: str, port: int
) -> None:
    """Call `start` to open a port of ours. Raises `ConfigError` when it cannot be had."""
    try:
        await start(host, port)
    except OSError as error:
        raise ConfigError(
            f"{what} cannot listen on {host or '*'}:{port}: {error.strerror}; "
            "stop what listens there, or choose another port"
        ) from error
