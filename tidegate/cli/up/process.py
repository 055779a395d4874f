"""Composes one laptop: the gateway, the functions and a broker, kept equal to the files."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from controllers.desired.local import FunctionKey, LocalFunction, Variable, local_function
from controllers.local.functions import LocalFunctions
from controllers.local.logs import LogLine
from controllers.local.settings import LocalSettings
from controllers.local.status import State
from gateway.app import Gateway
from gateway.server.operations import Operations
from gateway.settings import (
    AdminSettings,
    DeadLetterSettings,
    HttpSettings,
    KafkaSettings,
    KinesisSettings,
    LifecycleSettings,
    NatsSettings,
    Settings,
    kafka_settings,
)
from gateway.stores.sqlite import SqliteLedger
from gateway.workers.fleet import Fleet
from gateway.workers.settings import FleetSettings
from tidegate.api.function import DEFAULT_TIMEOUT, Function
from tidegate.api.metadata import Resource
from tidegate.api.subscriptions import subscriptions
from tidegate.cli.errors import CommandError
from tidegate.cli.state import Contact, StateDir
from tidegate.cli.up import report
from tidegate.cli.up.balance import Balance
from tidegate.cli.up.bell import Bell
from tidegate.cli.up.console import BOLD, Console
from tidegate.cli.up.control import Control
from tidegate.cli.up.kept import KeptObjects
from tidegate.cli.up.manifests import Manifests, Reading, changed_functions, known_here
from tidegate.cli.up.nats_server import NatsServer
from tidegate.cli.up.object_routes import ObjectRoutes
from tidegate.cli.up.objects import LaptopObjects
from tidegate.cli.up.options import UpOptions
from tidegate.cli.up.pauses import Pauses
from tidegate.cli.up.secrets import FileSecrets
from tidegate.cli.up.statuses import function_status, trigger_status
from tidegate.cli.up.telling import tell
from tidegate.kube.objects import Object

logger = logging.getLogger(__name__)

SETTLING = 30.0
"""Longest wait of the first table for functions that start. Seconds."""

KILL_DELAY = 0.1
"""Between asking functions to end and insisting, on an abort. Seconds."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the user asked for. Who sets `abort` also cancels the run."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    abort: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a laptop stands on: its folder, its screen, its broker if it has an own one."""

    state: StateDir
    console: Console
    nats: NatsServer | None


class Laptop:
    """One run of `tidegate up`. For the control API it is a `Station`."""

    def __init__(self, options: UpOptions, ground: Ground, signals: Signals) -> None:
        state = ground.state
        self._options = options
        self._state = state
        self._console = ground.console
        self._nats = ground.nats
        self._secrets = FileSecrets()
        self._balance = Balance()
        self._token = secrets.token_urlsafe(32)
        self._kept = KeptObjects(state.folder)
        self._pauses = Pauses(state.folder)
        paths = (*options.paths, self._kept.folder)
        self._manifests = Manifests(paths, state.folder, known_here(), laptop=True)
        self._one_reading = asyncio.Lock()
        self._resources: tuple[Resource, ...] = ()
        self._reading: Reading | None = None
        self._addresses: dict[FunctionKey, tuple[tuple[str, int], ...]] = {}
        self._mended: set[FunctionKey] = set()
        self._news = Bell()
        self._signals = signals
        operations = Operations(lambda: self._gateway)
        objects = ObjectRoutes(LaptopObjects(self._kept, self._pauses, self), self._news)
        self._gateway = _gateway(
            options.workers,
            self._settings(),
            self._secrets,
            state.folder / "ledger.sqlite",
            Control(
                self,
                self._token,
                [options.host],
                (operations.extend, objects.extend),
            ).extend,
        )
        self._functions = LocalFunctions(
            LocalSettings(state.folder, stop_timeout=options.drain_timeout),
            self._on_endpoints,
            self._on_log,
            self._secrets.lookup,
        )

    @property
    def front(self) -> str:
        """The URL of the front door."""
        return f"http://{_in_url(self._options.host)}:{self._gateway.port}"

    @property
    def nats_url(self) -> str:
        """The broker that triggers use which name none, and functions too; empty without one."""
        return self._options.nats_url or (self._nats.url if self._nats is not None else "")

    async def run(self) -> None:
        """Serve until a signal, then drain.

        Raises `CommandError` or `ConfigError` when it cannot start.
        """
        first = await asyncio.to_thread(self._first_reading)
        await self._gateway.start()
        self._publish()
        async with asyncio.TaskGroup() as group:
            functions = group.create_task(self._run_functions(), name="functions")
            gateway = group.create_task(self._gateway.run(), name="gateway")
            others = [group.create_task(self._follow_files(), name="files")]
            if self._nats is not None:
                others.append(group.create_task(self._nats.run(), name="NATS"))
            self._apply(first)
            others.append(group.create_task(self._show_overview(), name="overview"))
            await self._signals.stop.wait()
            await self._drain(gateway, functions)
            for task in others:
                task.cancel()

    def _first_reading(self) -> Reading:
        self._kept.create_folder()
        self._pauses.read()
        return self._manifests.read()

    async def _drain(self, gateway: asyncio.Task[None], functions: asyncio.Task[None]) -> None:
        """Deliveries end first, then the functions that they need; the broker goes last."""
        self._balance.note(self._gateway.subscriptions())
        held = self._balance.in_flight()
        waits = ", ".join(f"{count} of {name}" for name, count in held.items()) or "nothing"
        logger.info(
            "stopping: in flight is %s; waiting up to %.3g s (Ctrl-C again ends it at once)",
            waits,
            self._options.drain_timeout,
        )
        self._gateway.stop()
        await asyncio.wait([gateway])
        logger.info("stopped: %s", self._balance.sentence())
        functions.cancel()
        await asyncio.wait([functions])

    async def _run_functions(self) -> None:
        """Run functions; cancelled, drain them, and cancelled again or on an abort, insist."""
        running = asyncio.create_task(self._functions.run(), name="local functions")
        try:
            await asyncio.wait([running])
            running.result()
        finally:
            running.cancel()
            try:
                await asyncio.wait(
                    [running], timeout=KILL_DELAY if self._signals.abort.is_set() else None
                )
            finally:
                running.cancel()
                await asyncio.wait([running])

    async def _follow_files(self) -> None:
        try:
            await self._take_up_changes()
        except OSError as error:  # the system watches no more, or not so many folders
            logger.warning(
                "changes of manifests are not followed any more: %s; "
                "start anew to take them up, or name fewer folders",
                error,
            )

    async def _take_up_changes(self) -> None:
        from tidegate.cli.up.watch import changes

        named = frozenset(path.name for path in self._options.paths)
        async for _ in changes(self._folders, named):
            if await self._read_again():
                await self._show_overview()

    async def take_up(self) -> None:
        """Read the files again and make what they say run."""
        await self._read_again()

    async def _read_again(self) -> bool:
        """Take up what the files say now, and tell whether that is something else."""
        async with self._one_reading:
            try:
                reading = await asyncio.to_thread(self._manifests.read)
            except CommandError as error:
                logger.warning("%s; running on with what was there before", error)
                return False
            changed = reading != self._reading
            if changed or self._pauses.applied(reading.resources) != self._resources:
                self._apply(reading)
            return changed

    def _folders(self) -> Sequence[Path]:
        return self._reading.folders if self._reading is not None else ()

    def _apply(self, reading: Reading) -> None:
        """Make the files' objects the ones that run, and say what changed and what is wrong."""
        tell(self._reading, reading)
        self._mended |= changed_functions(self._resources, reading.resources)
        self._reading, self._resources = reading, self._pauses.applied(reading.resources)
        self._secrets.replace(reading.resources)
        self._functions.want([self._local(one) for one in self._each_function()])
        wanted = [self._secrets.versioned(one) for one in subscriptions(self._resources)]
        self._balance.note(self._gateway.subscriptions())
        self._gateway.apply(wanted)
        self._balance.note(self._gateway.subscriptions())
        self._news.ring()

    def _each_function(self) -> list[Function]:
        return [one for one in self._resources if isinstance(one, Function)]

    def _local(self, function: Function) -> LocalFunction:
        wanted = local_function(function)
        if not self.nats_url:
            return wanted
        # First, so that a variable of the user's own wins.
        return replace(wanted, env=(Variable("NATS_URL", self.nats_url), *wanted.env))

    def _on_endpoints(self, key: FunctionKey, addresses: tuple[tuple[str, int], ...]) -> None:
        before = self._addresses.get(key, ())
        self._addresses[key] = addresses
        self._gateway.endpoints.set(key, addresses)
        self._news.ring()
        if key in self._mended and addresses and not set(before) & set(addresses):
            self._mended.discard(key)
            self._gateway.resume(key)
        name = "/".join(key)
        if self._signals.stop.is_set():
            return
        if not addresses:
            logger.warning("%s: no process takes calls now", name)
        elif not before:
            logger.info("%s: takes calls", name)
        elif not set(before) & set(addresses):
            logger.info("%s: the changed version takes the calls now", name)

    def _on_log(self, line: LogLine) -> None:
        if line.stream == "tidegate":
            self._news.ring()  # said in the log already
        else:
            self._console.output_of(line)

    async def _show_overview(self) -> None:
        """Show the tables once every function runs or has failed, or after a while."""
        try:
            async with asyncio.timeout(SETTLING):
                while not self._settled():
                    await self._news.heard()
        except TimeoutError:
            pass
        self._console.show(report.overview(self.functions(), self.triggers()))

    def _settled(self) -> bool:
        states = {row["state"] for row in self.functions()}
        waiting = {State.PREPARING, State.STARTING, State.UPDATING}
        return not states & {state.value for state in waiting}

    def _publish(self) -> None:
        options = self._options
        admin = f"http://{_in_url(options.host)}:{self._gateway.admin_port}"
        self._state.publish(Contact(os.getpid(), admin, self.front, self.nats_url, self._token))
        shown = report.without_credentials(self.nats_url) if self.nats_url else "none"
        places = f"calls {self.front}, admin {admin}, NATS {shown}"
        logger.info("%s", self._console.paint(places, BOLD))

    def _settings(self) -> Settings:
        options = self._options
        return Settings(
            http=HttpSettings(host=options.host, port=options.port),
            admin=AdminSettings(host=options.host, port=options.admin_port),
            kafka=kafka_settings(os.environ, KafkaSettings()),
            kinesis=KinesisSettings(str(self._state.folder / "leases.sqlite")),
            nats=NatsSettings(url=self.nats_url) if self.nats_url else NatsSettings(),
            dead_letters=DeadLetterSettings(self._state.folder / "dead-letters"),
            lifecycle=LifecycleSettings(drain_timeout=options.drain_timeout),
        )

    def functions(self) -> list[dict[str, Any]]:
        """Return a row for each function."""
        return report.function_rows(self._each_function(), self._functions.status())

    def triggers(self) -> list[dict[str, Any]]:
        """Return a row for each trigger and function."""
        return report.trigger_rows(self._resources, self._gateway.subscriptions(), self.front)

    def state(self) -> dict[str, Any]:
        """Return what runs beside functions and triggers."""
        nats = {"url": report.without_credentials(self.nats_url) if self.nats_url else ""}
        if self._nats is not None:
            nats |= {"pid": self._nats.pid, "restarts": self._nats.restarts}  # type: ignore[dict-item]  # JSON
        problems = self._reading.problems if self._reading is not None else ()
        return {
            "pid": os.getpid(),
            "workers": self._gateway.workers() if isinstance(self._gateway, Fleet) else [],
            "nats": nats,
            "problems": [str(one) for one in problems],
        }

    def resources(self) -> tuple[Resource, ...]:
        """Return the objects that run now."""
        return self._resources

    def status_of(self, resource: Resource, before: Object, generation: int) -> Object:
        """Return what the status of one of them says."""
        if isinstance(resource, Function):
            key = (resource.namespace, resource.name)
            status = next((one for one in self._functions.status() if one.key == key), None)
            observed = status is not None and status.observed == self._local(resource)
            return function_status(status, generation, observed=observed)
        name = (resource.kind, resource.namespace, resource.name)
        rows = [r for r in self.triggers() if (r["kind"], r["namespace"], r["trigger"]) == name]
        return trigger_status(rows, before, generation, datetime.now(UTC))

    def timeout_of(self, key: FunctionKey) -> float:
        """Return the function's own timeout."""
        found = (one for one in self._each_function() if (one.namespace, one.name) == key)
        return next((one.spec.timeout for one in found), DEFAULT_TIMEOUT)

    def address_of(self, key: FunctionKey) -> tuple[tuple[str, int], ...]:
        """Return where the function takes calls now."""
        return self._addresses.get(key, ())

    def logs(self, key: FunctionKey, lines: int) -> list[LogLine]:
        """Return the last lines that a function printed."""
        return self._functions.logs(key, lines)

    def follow(self, key: FunctionKey, backlog: int) -> AsyncIterator[LogLine]:
        """Yield the last lines that a function printed, then each new one."""
        return self._functions.follow(key, backlog)


def _gateway(
    workers: int,
    settings: Settings,
    secrets: FileSecrets,
    ledger: Path,
    extend_admin: Callable[[web.Application], None],
) -> Gateway | Fleet:
    """Make the gateway: in this process, or as many as are asked for."""
    if workers == 1:
        return Gateway(settings, secrets, SqliteLedger(ledger), extend_admin)
    return Fleet(settings, secrets, FleetSettings(workers, ledger), extend_admin)


def _in_url(host: str) -> str:
    if host in ("0.0.0.0", ""):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
