"""The broker of the laptop: nats-server with JetStream, on loopback, started again when it dies."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import socket
import sys
import time
from pathlib import Path

from controllers.local.child import Child, Command, exit_sentence, machine_env
from controllers.local.settings import LogSettings
from tidegate.cli.errors import CommandError

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
USUAL_PORT = 4222
START_TIMEOUT = 15.0
"""From start to the greeting; a large store is read before. Seconds."""
LOOK_AGAIN = 0.005
"""Between two looks at a server that starts: it tells nobody when it listens. Seconds."""
STOP_TIMEOUT = 5.0
"""For a clean end: what is stored is on disk before. Seconds."""
RESTART_DELAY = 0.2
RESTART_DELAY_MAX = 10.0
STEADY = 60.0
"""Seconds of life after which a new failure counts as the first."""

CONFIG = """\
host: {host}
port: {port}
server_name: tidegate
log_file: {log}
logfile_size_limit: 10485760
logfile_max_num: 2
jetstream {{ store_dir: {store}, max_memory_store: 268435456, max_file_store: 10737418240 }}
"""


class NatsServer:
    """One server with a store of its own. It keeps its port and its store over restarts."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        self._child: Child | None = None
        self.port = 0
        self.restarts = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """Where the server writes."""
        return self._folder / "nats.log"

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._child.pid if self._child is not None and self._child.running else None

    async def start(self) -> None:
        """Start and return when it takes connections; raises `CommandError`."""
        for port in (free_port(USUAL_PORT), free_port(), free_port()):
            self.port = port
            reason = await self._attempt()
            if not reason:
                return
        raise CommandError(f"NATS did not start: {reason}; {self.log_file} says more")

    async def run(self) -> None:
        """Keep it alive until cancelled, then stop it."""
        failures = 0
        try:
            while True:
                born = time.monotonic()
                reason = await self._end()
                failures = 1 if time.monotonic() - born > STEADY else failures + 1
                await self._start_again(reason, failures)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Stop the process if there is one. What is stored stays."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop(0.0, STOP_TIMEOUT)

    async def _end(self) -> str:
        """Return why the process ended, when it has."""
        child = self._child
        if child is None:
            return "it did not start"
        while not await child.exited_within(3600):
            pass
        await child.kill()
        return exit_sentence(child.code, child.last_words())

    async def _start_again(self, reason: str, failures: int) -> None:
        delay = min(RESTART_DELAY * 2 ** min(failures - 1, 16), RESTART_DELAY_MAX)
        logger.warning(
            "NATS: %s; starting it again in %.3g s on the same port and store", reason, delay
        )
        await asyncio.sleep(delay)
        self.restarts += 1
        problem = await self._attempt()
        if problem:
            logger.error("NATS: did not start: %s; %s says more", problem, self.log_file)
        else:
            logger.info("NATS: is back on port %d", self.port)

    async def _attempt(self) -> str:
        """Start one process; return why it does not take connections, or nothing."""
        config = await asyncio.to_thread(self._configured)
        command = Command((str(self._binary), "-c", str(config)), machine_env(), self._folder)
        self._child = child = await Child.start(command, LogSettings(), _ignore)
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while child.running:
                    if await greets(self.port):
                        return ""
                    await child.exited_within(LOOK_AGAIN)
        except TimeoutError:
            await self.stop()
            return f"no greeting within {START_TIMEOUT:g} s"
        reason = exit_sentence(child.code, child.last_words())
        await self.stop()
        return reason

    def _configured(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "nats.conf"
        store = self._folder / "store"
        quoted = {"host": HOST, "log": str(self.log_file), "store": str(store)}
        values = {name: json.dumps(text) for name, text in quoted.items()}
        path.write_text(CONFIG.format(port=self.port, **values))
        return path


def find_binary() -> Path | None:
    """Return the server of our own environment, or the one on PATH, or None."""
    own = Path(sys.executable).with_name("nats-server")
    if own.exists():
        return own
    found = shutil.which("nats-server")
    return Path(found) if found else None


def free_port(preferred: int = 0) -> int:
    """Return `preferred` if nobody listens on it, else a port that is free now."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((HOST, preferred))
        except OSError:
            one.bind((HOST, 0))
        port: int = one.getsockname()[1]
        return port


async def greets(port: int) -> bool:
    """Tell whether a NATS server on loopback greets whom it accepts."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    try:
        return (await reader.readline()).startswith(b"INFO")
    except OSError:
        return False
    finally:
        writer.close()


def _ignore(_stream: str, _line: str) -> None:
    """The server writes its own log file; its last words on stderr are kept by its child."""
