"""A front door can wait for its routes."""

from __future__ import annotations

import asyncio

import pytest

from gateway.http.awaited_routes import AwaitedRoutes
from gateway.http.errors import RouteConflict
from gateway.http.routes import Route


async def test_waiting_ends_when_as_many_routes_were_added_or_refused() -> None:
    routes = AwaitedRoutes()
    waiting = asyncio.create_task(routes.asked_for(3))
    routes.add(Route("one", "/a"))
    await asyncio.sleep(0)
    with pytest.raises(RouteConflict):
        routes.add(Route("two", "/a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    routes.add(Route("three", "/b"))
    async with asyncio.timeout(10):
        await waiting


async def test_nothing_is_waited_for_where_nothing_is_to_come() -> None:
    async with asyncio.timeout(10):
        await AwaitedRoutes().asked_for(0)
