"""The route of `tidegate trigger test`: `POST /operations/trials`."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from gateway.named import NotRunning
from gateway.server.answers import UnknownName, json_answer, json_body, saying
from gateway.trial import Trials, request_from_json


class TrialRoutes:
    """Tries one event and answers with what happened."""

    def __init__(self, trials: Callable[[], Trials]) -> None:
        self._trials = trials

    def extend(self, application: web.Application) -> None:
        """Add the route."""
        application.router.add_post("/trials", saying(self._run))

    async def _run(self, request: web.Request) -> web.StreamResponse:
        wanted = request_from_json(await json_body(request))
        try:
            return json_answer({"functions": await self._trials().run(wanted)})
        except NotRunning as error:
            raise UnknownName(str(error)) from error
