"""A fleet whose parent is the test, and what tests look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from gateway.core.progress import Progress
from gateway.settings import DeadLetterSettings, LifecycleSettings, Settings
from gateway.workers.fleet import Fleet
from gateway.workers.settings import FleetSettings
from tests.support.gateways import DictSecrets
from tests.support.waiting import until
from tidegate.api.subscription import Subscription

PATIENCE = 30.0


class Running:
    """A fleet that runs."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.url = f"http://127.0.0.1:{fleet.port}"

    def pids(self) -> list[int]:
        """Return the process of each worker; 0 for none."""
        return [int(row["pid"]) for row in self.fleet.workers()]

    def progress(self, trigger: str = "orders") -> Progress:
        """Return the sum of a trigger's only subscription."""
        return next(p for s, p in self.fleet.subscriptions() if s.trigger == trigger)

    async def serving(self, *places: int) -> None:
        """Wait until the workers in these places, or all, take events."""

        def serve() -> bool:
            rows = self.fleet.workers()
            return all(rows[place]["serving"] for place in places or range(len(rows)))

        await until(serve, PATIENCE)

    async def call(self, count: int, path: str = "/") -> list[int]:
        """Call so often at once, each time on a connection of its own, and return the statuses."""
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        timeout = aiohttp.ClientTimeout(PATIENCE)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def one() -> int:
                async with session.post(f"{self.url}{path}", data=b"call") as answer:
                    return answer.status

            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(one()) for _ in range(count)]
        return [each.result() for each in calls]


def settings(folder: Path) -> Settings:
    """Return settings on free ports, with dead letters below `folder`."""
    base = Settings(dead_letters=DeadLetterSettings(folder))
    return replace(
        base,
        http=replace(base.http, port=0),
        admin=replace(base.admin, port=0),
        lifecycle=LifecycleSettings(drain_timeout=10.0, restart_delay=0.05),
    )


@asynccontextmanager
async def running_fleet(
    care: FleetSettings,
    subscriptions: Iterable[Subscription],
    function: tuple[str, int],
    secrets: DictSecrets | None = None,
    more: Settings | None = None,
) -> AsyncIterator[Running]:
    """Run a fleet whose function `hello` is at an address; its books must balance at the end."""
    one = more or settings(care.ledger.parent)
    fleet = Fleet(one, secrets or DictSecrets(), care)
    fleet.endpoints.set(("default", "hello"), [function])
    await fleet.start()
    fleet.apply(subscriptions)
    task = asyncio.create_task(fleet.run())
    try:
        yield Running(fleet)
        assert all(progress.books.drift == 0 for _, progress in fleet.subscriptions())
    finally:
        fleet.stop()
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([task])
        task.result()
