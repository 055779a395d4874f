"""What befalls an API server, or the way to it, while its objects change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.fakes.kube_proxy import Fault, KubeProxy
from tests.fakes.kube_server import KubeServer

SECONDS = 4
"""How long a trouble is looked at."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A component behind a proxy, and the server that it needs."""

    server: KubeServer
    proxy: KubeProxy

    async def pace(self) -> list[int]:
        """Return how many requests come in each of the next seconds."""
        pace = []
        for _ in range(SECONDS):
            before = self.proxy.asked.total()
            await asyncio.sleep(1.0)  # a rate takes its time
            pace.append(self.proxy.asked.total() - before)
        return pace


Change = Callable[[], Awaitable[None]]
Trouble = Callable[[Scene, Change], Awaitable[list[int]]]
"""Has a change made in the middle of it, and returns the requests of each second."""


def answering(fault: Fault) -> Trouble:
    """Return the trouble of a server that gives all requests that answer."""

    async def trouble(scene: Scene, change: Change) -> list[int]:
        scene.proxy.fault = fault
        scene.proxy.cut()
        await change()
        pace = await scene.pace()
        scene.proxy.fault = None
        return pace

    return trouble


async def slow(scene: Scene, change: Change) -> list[int]:
    """Every answer takes a second, and all watches have broken."""
    scene.proxy.delay = 1.0
    scene.proxy.cut()
    await change()
    pace = await scene.pace()
    scene.proxy.delay = 0.0
    return pace


async def restarted(scene: Scene, change: Change) -> list[int]:
    """What changed is told to nobody, and then the server dies and comes back."""
    scene.proxy.partition()
    await change()
    return await _restarted(scene)


async def compacted(scene: Scene, change: Change) -> list[int]:
    """As `restarted`; and when it is back, its store knows no history any more."""
    scene.proxy.partition()
    await change()
    await asyncio.to_thread(scene.server.compact)
    return await _restarted(scene)


async def _restarted(scene: Scene) -> list[int]:
    await asyncio.to_thread(scene.server.kill_api)
    scene.proxy.cut()
    scene.proxy.heal()
    pace = await scene.pace()
    await asyncio.to_thread(scene.server.start_api)
    return pace


TROUBLES: dict[str, Trouble] = {
    "500": answering(Fault(500)),
    "429": answering(Fault(429, (("retry-after", "1"),))),
    "page": answering(Fault(200, body="<html>page</html>")),
    "slow": slow,
    "restarted": restarted,
    "compacted": compacted,
}
