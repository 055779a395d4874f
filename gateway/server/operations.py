"""What those who run triggers may ask of a gateway: the routes below `/operations`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from aiohttp import web

from gateway.core.progress import Progress
from gateway.dead_letters import DeadLetters
from gateway.replay.replays import Replays
from gateway.server.dead_letters import DeadLetterRoutes
from gateway.server.decisions import DecisionRoutes, Watched
from gateway.server.replays import ReplayRoutes
from gateway.server.topics import TopicRoutes
from gateway.server.trials import TrialRoutes
from gateway.settings import KafkaSettings
from gateway.trial import Trials
from tidegate.api.subscription import Subscription

PREFIX = "/operations"


class Desk(Watched, Protocol):
    """The gateway as operations see it: one process, or the fleet of several."""

    @property
    def dead_letters(self) -> DeadLetters:
        """What has failed and was kept."""
        ...

    @property
    def trials(self) -> Trials:
        """What one event can be tried with."""
        ...

    @property
    def replays(self) -> Replays:
        """What can be delivered once more."""
        ...

    @property
    def kafka(self) -> KafkaSettings:
        """The brokers of what names none, and how to log in to them."""
        ...

    def subscriptions(self) -> list[tuple[Subscription, Progress]]:
        """Return what runs."""
        ...


class Routes(Protocol):
    """Some of the routes."""

    def extend(self, application: web.Application) -> None:
        """Add them."""
        ...


class Operations:
    """Adds the routes to an admin server: those of every gateway, wherever it runs.

    `guard` is a middleware that keeps out who may not; without one the application that they are
    added to is guarded already.
    """

    def __init__(self, desk: Callable[[], Desk], guard: Any = None) -> None:
        """`desk` is asked for when a request comes: a gateway is made after its routes."""
        self._desk = desk
        self._guard = guard

    def extend(self, application: web.Application) -> None:
        """Add the routes."""
        own = web.Application(middlewares=[self._guard] if self._guard is not None else [])
        for routes in self._routes():
            routes.extend(own)
        application.add_subapp(PREFIX, own)

    def _routes(self) -> Iterable[Routes]:
        """Return the routes, a group of them for each thing that can be asked."""
        yield DecisionRoutes(self._desk)
        yield TrialRoutes(lambda: self._desk().trials)
        yield DeadLetterRoutes(lambda: self._desk().dead_letters)
        yield ReplayRoutes(lambda: self._desk().replays)
        yield TopicRoutes(lambda: self._desk().kafka)
