"""The route of `tidegate trigger replay`: `POST /operations/replays`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from gateway.errors import SinkUnavailable
from gateway.named import NotRunning
from gateway.replay.replays import Replays
from gateway.server.answers import UnknownName, json_body, lines, saying

MOST_AT_ONCE = 4
"""Replays that run here; each has memory and connections of its own."""


class ReplayRoutes:
    """Runs a replay for as long as somebody listens: a line a second, and the report at last."""

    def __init__(self, replays: Callable[[], Replays]) -> None:
        self._replays = replays
        self._running = 0

    def extend(self, application: web.Application) -> None:
        """Add the route."""
        application.router.add_post("/replays", saying(self._run))

    async def _run(self, request: web.Request) -> web.StreamResponse:
        body = await json_body(request)
        try:
            replay = self._replays().prepared(body)
        except NotRunning as error:
            raise UnknownName(str(error)) from error
        with self._place():
            async with lines(request) as (response, out):
                await replay.run(out.write)
            return response

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._running >= MOST_AT_ONCE:
            raise SinkUnavailable(f"{self._running} replays run here already; wait for one to end")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
