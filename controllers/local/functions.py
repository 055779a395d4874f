"""The laptop's function controller: every wanted function as local processes."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from controllers.desired.environment import Lookup
from controllers.desired.local import FunctionKey, LocalFunction
from controllers.local import tasks
from controllers.local.builds import Builds
from controllers.local.code import CodeStore
from controllers.local.environments import Environments
from controllers.local.interpreters import Interpreters
from controllers.local.logs import LogBook, LogLine
from controllers.local.reconciler import FunctionReconciler
from controllers.local.settings import LocalSettings
from controllers.local.state_dir import new_run_folder, sweep
from controllers.local.status import FunctionStatus
from controllers.local.surroundings import FindRuntime, OnEndpoints, Surroundings
from controllers.local.warm import WarmServers
from controllers.local.workshop import Workshop
from runtimes import catalog


class UnknownFunction(LookupError):
    """No function of that name is wanted."""


@dataclass(frozen=True, slots=True)
class _Entry:
    reconciler: FunctionReconciler
    logs: LogBook
    task: asyncio.Task[None]


class LocalFunctions:
    """Keeps local processes equal to the wanted functions; one cannot hurt another.

    `on_endpoints` is told of every change of the addresses that take calls, `on_log` of every
    line that functions print. Both are called on the loop and must return at once.
    """

    def __init__(
        self,
        settings: LocalSettings,
        on_endpoints: OnEndpoints,
        on_log: Callable[[LogLine], None] = lambda _: None,
        lookup: Lookup = lambda _kind, _namespace, _name: None,
        find_runtime: FindRuntime = catalog.find,
    ) -> None:
        self._settings = settings
        self._on_endpoints = on_endpoints
        self._on_log = on_log
        self._lookup = lookup
        self._find_runtime = find_runtime
        self._wanted: dict[FunctionKey, LocalFunction] = {}
        self._changed = asyncio.Event()
        self._entries: dict[FunctionKey, _Entry] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def want(self, functions: Iterable[LocalFunction]) -> None:
        """Replace the wanted set; returns at once. Only the last of many calls counts.

        Also to be called after a Secret or ConfigMap changed: references are read again.
        """
        self._wanted = {function.key: function for function in functions}
        self._changed.set()

    async def run(self) -> None:
        """Run functions until cancelled, then drain them; cancelled again, kill them.

        Call it on the main thread's loop: processes end with the thread that started them.
        """
        settings = self._settings
        run_folder = await asyncio.to_thread(new_run_folder, settings.state_dir)
        await asyncio.to_thread(sweep, settings.state_dir, time.time() - settings.kept_unused)
        try:
            connector = aiohttp.TCPConnector(force_close=True, limit=0)
            async with aiohttp.ClientSession(connector=connector, trust_env=True) as session:
                await self._follow_wishes(self._surroundings(session, run_folder))
        finally:
            await asyncio.to_thread(shutil.rmtree, run_folder, ignore_errors=True)

    def status(self) -> list[FunctionStatus]:
        """Return the status of every wanted function, by name, from when run() took it up."""
        return [entry.reconciler.status() for _, entry in sorted(self._entries.items())]

    def logs(self, key: FunctionKey, lines: int) -> list[LogLine]:
        """Return the last lines that a function printed; raises UnknownFunction."""
        return self._logs_of(key).last(lines)

    def follow(self, key: FunctionKey, backlog: int = 0) -> AsyncIterator[LogLine]:
        """Yield the last `backlog` lines, then each new one until the function is removed.

        Raises UnknownFunction.
        """
        return self._logs_of(key).follow(backlog)

    def _logs_of(self, key: FunctionKey) -> LogBook:
        if key not in self._entries:
            raise UnknownFunction(f"reading logs: no function {'/'.join(key)} is running here")
        return self._entries[key].logs

    def _surroundings(self, session: aiohttp.ClientSession, run_folder: Path) -> Surroundings:
        settings = self._settings
        workshop = Workshop(settings)
        return Surroundings(
            settings=settings,
            session=session,
            run_folder=run_folder,
            lookup=self._lookup,
            find_runtime=self._find_runtime,
            on_endpoints=self._on_endpoints,
            code=CodeStore(settings.state_dir / "code", settings.code, session),
            environments=Environments(workshop),
            builds=Builds(workshop),
            warm=WarmServers(settings),
            interpreters=Interpreters(),
        )

    async def _follow_wishes(self, surroundings: Surroundings) -> None:
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                self._apply(surroundings)
        finally:
            for key in list(self._entries):
                self._remove(key)
            try:
                await tasks.stop(self._leaving, self._settings.stop_timeout)
            finally:
                await surroundings.warm.close()

    def _apply(self, surroundings: Surroundings) -> None:
        for key in self._entries.keys() - self._wanted.keys():
            self._remove(key)
        for key, function in self._wanted.items():
            if key not in self._entries:
                self._entries[key] = self._begin(key, surroundings)
            self._entries[key].reconciler.want(function)

    def _begin(self, key: FunctionKey, surroundings: Surroundings) -> _Entry:
        logs = LogBook(self._settings.logs, self._on_log)
        reconciler = FunctionReconciler(key, surroundings, logs)
        task = asyncio.create_task(reconciler.run(), name=f"function {'/'.join(key)}")
        return _Entry(reconciler, logs, task)

    def _remove(self, key: FunctionKey) -> None:
        entry = self._entries.pop(key)
        entry.task.cancel()
        self._leaving.add(entry.task)
        entry.task.add_done_callback(lambda task: self._gone(task, entry.logs))

    def _gone(self, task: asyncio.Task[None], logs: LogBook) -> None:
        self._leaving.discard(task)
        logs.close()
