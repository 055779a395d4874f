"""Servers that are processes on a free port, which tests may kill, freeze and start again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.fakes.ports import free_port


def freeze(pid: int) -> None:
    """Stop a child of ours without ending it; when this returns it does nothing more.

    On a busy machine a process may work on for a while before it takes notice of the signal.
    """
    os.kill(pid, signal.SIGSTOP)
    with suppress(ChildProcessError):  # it has ended, and somebody has taken notice
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


class ServerProcess:
    """One process. It keeps its port and its folder over `kill` and `start`.

    `async with` runs it for the length of a block.
    """

    patience = 10.0
    """For its start and for its end, in seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    async def command(self) -> Sequence[str]:
        """Return the program and its arguments, after preparing what it needs."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Return what the process finds in its environment beside ours."""
        return {}

    async def answers(self) -> bool:
        """Say whether it serves clients now."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start the process and return when it answers."""
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        arguments = await self.command()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *arguments, stdout=log, stderr=log, env={**os.environ, **self.environment()}
            )
        async with asyncio.timeout(self.patience):
            while not await self.answers():
                if self._process.returncode is not None:
                    raise RuntimeError(self._log.read_text()[-4000:])
                await asyncio.sleep(0.02)  # the process tells nobody when it listens

    def kill(self) -> None:
        """End the process as a crash would."""
        self.send(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the process without ending it: connections stay and nothing answers."""
        assert self._process is not None
        freeze(self._process.pid)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self.send(signal.SIGCONT)

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> None:
        """Wait for the end of a process that was told to."""
        assert self._process is not None
        async with asyncio.timeout(self.patience):
            await self._process.wait()

    async def stop(self) -> None:
        """End the process if it runs, and wait for it."""
        if self._process is not None and self._process.returncode is None:
            self.kill()
            await self.ended()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"
