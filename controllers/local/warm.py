"""Servers that are loaded and wait for a function, so that the next one starts at once."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from controllers.local import tasks
from controllers.local.child import Child, Command, Print, machine_env
from controllers.local.settings import LocalSettings

REFILL_DELAY = 1.0
"""After a start, so that the server that was asked for has the processor first."""


class WarmServers:
    """Keeps one server ready per program that was started before; none for what was never used.

    Each is a process of its own that has run nothing of anybody: it becomes one function's and
    ends with it.
    """

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._ready: dict[tuple[str, ...], Child] = {}
        self._filling: dict[tuple[str, ...], asyncio.Task[None]] = {}

    @property
    def waiting(self) -> tuple[int, ...]:
        """The process ids of the servers that wait."""
        return tuple(child.pid for child in self._ready.values())

    async def start(self, command: Command, show: Print) -> Child:
        """Start `command`, by a server that is ready where there is one; raises OSError."""
        if not (command.can_be_warm and self._settings.warm_servers):
            return await Child.start(command, self._settings.logs, show)
        waiting = self._ready.pop(command.arguments, None)
        self._refill_later(command)
        if waiting is None:
            return await Child.start(command, self._settings.logs, show)
        if not waiting.running:
            await waiting.kill()
            return await Child.start(command, self._settings.logs, show)
        waiting.tell(json.dumps({"env": dict(command.env), "folder": str(command.folder)}), show)
        return waiting

    async def close(self) -> None:
        """End the servers that wait."""
        await tasks.stop(list(self._filling.values()))
        while self._ready:
            await self._ready.popitem()[1].kill()

    def _refill_later(self, command: Command) -> None:
        key = command.arguments
        if key not in self._filling:
            task = asyncio.create_task(self._refill(command), name=f"warm {key[-1]}")
            self._filling[key] = task
            task.add_done_callback(lambda _: self._filling.pop(key, None))

    async def _refill(self, command: Command) -> None:
        await asyncio.sleep(REFILL_DELAY)
        key = command.arguments
        if key in self._ready:
            return
        while len(self._ready) >= self._settings.warm_servers:
            await self._ready.pop(next(iter(self._ready))).kill()
        waiting = replace(command, env={**machine_env(), "FUNC_WARM": "1"}, folder=Path("/"))
        with suppress(OSError):  # the next start, a cold one, will say why
            self._ready[key] = await Child.start(
                waiting, self._settings.logs, _unheard, listens=True
            )


def _unheard(_stream: str, _line: str) -> None:
    """Drop what a server prints that is nobody's yet."""
