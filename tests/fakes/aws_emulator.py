"""A process that plays a part of AWS on a free port of loopback."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.fakes.ports import free_port

STARTS = 3
"""Another process may take the port between our choice and the emulator's."""

START_TIMEOUT = 40.0


@dataclass(frozen=True, slots=True)
class Program:
    """How an emulator is started."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Emulator:
    """One emulator; what it keeps lasts as long as it runs."""

    name = "aws"
    """What its log is called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the process and return when it answers."""
        await asyncio.to_thread(self.boot)

    async def stop(self) -> None:
        """End the process and wait for it."""
        await asyncio.to_thread(self.kill)

    def boot(self) -> None:
        """Do what `start` does, in a thread or where there is no loop."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(STARTS):
            self.port = free_port()
            self._spawn(self.program())
            if self._comes_up():
                return
            self.kill()
        raise RuntimeError((self.folder / f"{self.name}.log").read_text())

    def kill(self) -> None:
        """Do what `stop` does, in a thread or where there is no loop."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def program(self) -> Program:
        """Install what is missing, and return how to serve at `port`; may raise `NotToBeHad`."""
        raise NotImplementedError

    def _spawn(self, program: Program) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                program.command,
                cwd=self.folder,
                env={**os.environ, **program.environment},
                stdout=log,
                stderr=log,
            )

    def _comes_up(self) -> bool:
        """Wait until it answers; return False when it ended instead."""
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT
        while self._process.poll() is None:
            if self._answers():
                return True
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: no answer within {START_TIMEOUT:g} s")
            time.sleep(0.02)  # the process tells nobody when it listens
        return False

    def _answers(self) -> bool:
        """Whether it answers a request: some take connections a while before."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True


Kind = TypeVar("Kind", bound=Emulator)


class Emulators:
    """Those that all tests of a process share; each starts when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[type[Emulator], Emulator] = {}

    def running(self, kind: type[Kind]) -> Kind:
        """Return the only one of its kind; may raise `NotToBeHad`."""
        one = self._running.get(kind)
        if one is None:
            one = kind(self._folder / kind.name)
            one.boot()
            self._running[kind] = one
        assert isinstance(one, kind)
        return one

    def kill(self) -> None:
        """End them all."""
        for one in self._running.values():
            one.kill()
