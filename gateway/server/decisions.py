"""The routes of `tidegate trigger explain` and `tidegate trigger tail`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import asdict
from typing import Any, Protocol

from aiohttp import web

from gateway.core.recollection import MOST_ROWS, Question
from gateway.core.witness import Feed, Found
from gateway.server.answers import json_answer, lines, saying, whole


class Watched(Protocol):
    """Who knows what was decided: one process, or a fleet that asks its workers."""

    async def decisions(self, question: Question) -> Found:
        """See `Witness.decisions`."""
        ...

    def feed(self, question: Question, *, payload: bool) -> AbstractAsyncContextManager[Feed]:
        """See `Witness.feed`."""
        ...


class DecisionRoutes:
    """Shows what was decided over events, and what is being decided."""

    def __init__(self, watched: Callable[[], Watched]) -> None:
        self._watched = watched
        self._tails: set[asyncio.Task[Any]] = set()

    def extend(self, application: web.Application) -> None:
        """Add the routes. Tails end with the server: none of them does by itself."""
        application.on_shutdown.append(self._end_tails)
        application.router.add_get("/decisions", saying(self._list))
        application.router.add_get("/decisions/tail", saying(self._tail))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return json_answer(asdict(await self._watched().decisions(_question(request.query))))

    async def _tail(self, request: web.Request) -> web.StreamResponse:
        payload = request.query.get("payload") == "1"
        question = _question(request.query)
        with self._open():
            return await self._followed(request, question, payload=payload)

    async def _followed(
        self, request: web.Request, question: Question, *, payload: bool
    ) -> web.StreamResponse:
        async with (
            self._watched().feed(question, payload=payload) as feed,
            lines(request) as (response, out),
        ):
            while not _gone(request):
                await out.write(*await feed.rows())
        return response

    @contextmanager
    def _open(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._tails.add(task)
        try:
            yield
        finally:
            self._tails.discard(task)

    async def _end_tails(self, _: web.Application) -> None:
        for task in self._tails:
            task.cancel()


def _question(query: Mapping[str, str]) -> Question:
    names = ("namespace", "trigger", "kind", "function", "event")
    asked = {name: query.get(name, "") for name in names}
    return Question(**asked, limit=whole(query.get("limit", ""), 100, MOST_ROWS))


def _gone(request: web.Request) -> bool:
    """Tell whether the reader has left; one to whom nothing is written would not be missed."""
    return request.transport is None or request.transport.is_closing()
