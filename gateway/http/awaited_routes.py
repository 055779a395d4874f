"""A route table that can be waited for."""

from __future__ import annotations

import asyncio

from gateway.http.routes import Route, RouteTable


class AwaitedRoutes(RouteTable):
    """Lets a front door open when its routes are there: a call must not find none for a moment."""

    __slots__ = ("_asked", "_more")

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0
        self._more = asyncio.Event()

    def add(self, route: Route) -> None:
        """See `RouteTable.add`."""
        self._asked += 1
        self._more.set()
        super().add(route)

    async def asked_for(self, count: int) -> None:
        """Return when `count` routes were added or refused since the start."""
        while self._asked < count:
            self._more.clear()
            await self._more.wait()
