"""One process slot of a function: started, probed, and filled again when its process dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from controllers.desired.local import LocalFunction
from controllers.local.backoff import Backoff
from controllers.local.child import Child, Command, exit_sentence
from controllers.local.errors import StartFailed
from controllers.local.probe import answers_ok
from controllers.local.status import Address
from controllers.local.surroundings import LOOPBACK, Surroundings

logger = logging.getLogger(__name__)

ABRUPT = 1.0
"""Time to end for a process that serves nobody."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a slot starts: one revision of a function, ready to run."""

    function: LocalFunction
    revision: str
    command: Command


@dataclass(frozen=True, slots=True)
class Callbacks:
    """How a slot speaks: `changed()` after each change, `show(replica, stream, line)`."""

    changed: Callable[[], None]
    show: Callable[[int, str, str], None]


class Replica:
    """Keeps one process of a launch alive.

    The address is there exactly while the process takes calls. A first cancellation of run()
    withdraws it, lets requests on their way arrive, and drains; a second one kills.
    """

    def __init__(
        self, launch: Launch, number: int, surroundings: Surroundings, callbacks: Callbacks
    ) -> None:
        self._launch = launch
        self._number = number
        self._surroundings = surroundings
        self._settings = surroundings.settings.process
        self._callbacks = callbacks
        self._title = f"{launch.function.title}[{number}]"
        self.address: Address | None = None
        self.pid: int | None = None
        self.reason = ""
        self.restarts = 0

    async def run(self) -> None:
        """Start the process again for as long as it dies, ever more slowly."""
        backoff = Backoff(self._settings.restart_delay, self._settings.restart_delay_max)
        clock = asyncio.get_running_loop().time
        while True:
            born = clock()
            reason = await self._survived_life()
            if clock() - born >= self._settings.healthy_after:
                backoff.reset()
            delay = backoff.after_failure()
            self._fail(reason, delay)
            await asyncio.sleep(delay)
            self.restarts += 1

    async def _survived_life(self) -> str:
        try:
            return await self._life()
        except (StartFailed, OSError) as error:
            return str(error)
        except Exception as error:
            logger.exception("%s: its supervision failed", self._title)
            return f"Tidegate failed to run it ({type(error).__name__}); its own log says more"

    async def _life(self) -> str:
        """Run one process from start to end and say why it ended."""
        port_file = self._surroundings.run_folder / uuid4().hex
        child = await self._start(port_file)
        drain = False
        try:
            await self._become_ready(child, port_file)
            return await self._watch(child)
        except asyncio.CancelledError:
            drain = self.address is not None
            raise
        finally:
            self._withdraw()
            await self._end(child, drain)

    async def _start(self, port_file: Path) -> Child:
        command = self._launch.command
        env = {**command.env, "FUNC_PORT_FILE": str(port_file)}
        child = await self._surroundings.warm.start(replace(command, env=env), self._show)
        self.pid = child.pid
        self._callbacks.changed()
        return child

    async def _become_ready(self, child: Child, port_file: Path) -> None:
        try:
            async with asyncio.timeout(self._settings.start_timeout):
                port = await self._announced_port(child, port_file)
                await self._answering(child, (LOOPBACK, port))
        except TimeoutError as error:
            raise StartFailed(
                f"the process was not ready after {self._settings.start_timeout:g} s; "
                "make the import of its module faster"
            ) from error
        self.address, self.reason = (LOOPBACK, port), ""
        self._callbacks.changed()

    async def _announced_port(self, child: Child, port_file: Path) -> int:
        while (port := await asyncio.to_thread(taken_port, port_file)) is None:
            await self._alive_for_a_moment(child)
        return port

    async def _answering(self, child: Child, address: Address) -> None:
        session, timeout = self._surroundings.session, self._settings.probe_timeout
        while not await answers_ok(session, address, "/readyz", timeout):
            await self._alive_for_a_moment(child)

    async def _alive_for_a_moment(self, child: Child) -> None:
        if await child.exited_within(self._settings.ready_interval):
            raise StartFailed(await self._obituary(child))

    async def _watch(self, child: Child) -> str:
        """Return when the process is no longer fit to take calls."""
        assert self.address is not None
        session, timeout = self._surroundings.session, self._settings.probe_timeout
        failures = 0
        while failures < self._settings.probe_failures:
            if await child.exited_within(self._settings.probe_interval):
                self._withdraw()
                return await self._obituary(child)
            well = await answers_ok(session, self.address, "/healthz", timeout)
            failures = 0 if well else failures + 1
        return f"the process failed {failures} health probes in a row"

    async def _obituary(self, child: Child) -> str:
        await child.closed()
        return exit_sentence(child.code, child.last_words())

    async def _end(self, child: Child, drain: bool) -> None:
        try:
            if drain:
                timeout = self._launch.function.timeout + ABRUPT
                await child.stop(self._settings.switch_grace, timeout)
            else:
                await child.stop(0.0, ABRUPT)
        finally:
            self.pid = None
            self._callbacks.changed()

    def _withdraw(self) -> None:
        if self.address is not None:
            self.address = None
            self._callbacks.changed()

    def _fail(self, reason: str, delay: float) -> None:
        self.reason = reason
        logger.warning("%s: %s; starting again in %.3g s", self._title, reason, delay)
        self._show("tidegate", f"{reason}; starting again in {delay:.3g} s")
        self._callbacks.changed()

    def _show(self, stream: str, line: str) -> None:
        self._callbacks.show(self._number, stream, line)


def taken_port(file: Path) -> int | None:
    """Return the port that a server announced and remove its file; None before there is one."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    file.unlink()
    return int(text)
