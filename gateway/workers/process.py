"""A worker as its parent sees it: a process, and a channel that nobody else can reach."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from gateway.workers.messages import Setup, Update, order_frame, read_report

MODULE = "gateway.workers.worker"

EXIT_TIMEOUT = 5.0
"""Seconds for a process to end after it has closed its channel."""


class WorkerProcess:
    """One running worker. Its standard error is ours: for the last words of a crash."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, listeners: Iterable[socket.socket]) -> WorkerProcess:
        """Start a worker that takes calls on `listeners`. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            passed = (theirs.fileno(), *(one.fileno() for one in listeners))
            process = await asyncio.create_subprocess_exec(
                # -P: a folder of the user's that is called as a package of ours is not ours.
                sys.executable, "-P", "-m", MODULE, str(os.getpid()), *map(str, passed),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=passed,
                start_new_session=True,
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    async def tell(self, order: Setup | Update) -> None:
        """Send an order; waits while the worker is slow. Raises OSError when it is gone."""
        self._writer.write(order_frame(order))
        await self._writer.drain()

    async def report(self) -> dict[str, Any]:
        """Return the next report. Raises `EOFError` when the worker is gone."""
        return await read_report(self._reader)

    def kill(self) -> None:
        """End it at once. Idempotent."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> str:
        """Return how it ended, once that is certain: what hangs on after its farewell is killed."""
        try:
            async with asyncio.timeout(EXIT_TIMEOUT):
                code = await self._process.wait()
        except TimeoutError:
            self.kill()
            code = await self._process.wait()
        finally:
            self._writer.close()
        return ending(code)

    async def destroy(self) -> None:
        """End it whatever it does, and let go of it."""
        self.kill()
        self._writer.close()
        await self._process.wait()


def ending(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"the process exited with code {code}"
    try:
        return f"the process was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"the process was ended by signal {-code}"
