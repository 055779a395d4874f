"""Processes of the command that a test may kill, found by what they log."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Final, Self

COMMAND: Final = Path(sys.executable).with_name("tidegate")
PATIENCE: Final = 60.0


class LoggedProcess:
    """One process, and the messages of its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[str] = []
        self._news = asyncio.Event()

    @classmethod
    async def started(cls, *words: str) -> Self:
        """Start the command with these words; its owner reads the log, and ends it."""
        return cls(
            await asyncio.create_subprocess_exec(
                str(COMMAND),
                *words,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        )

    async def said(self, *texts: str) -> bool:
        """Return once the log has one of `texts`; False when the process ended before that."""
        async with asyncio.timeout(PATIENCE):
            while not any(text in line for line in self.log for text in texts):
                if self.process.returncode is not None:
                    return False
                self._news.clear()
                await self._news.wait()
        return True

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process.returncode is None:
            self.process.kill()

    def send(self, which: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(which)

    async def ended(self) -> int:
        """Return its exit code."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def read(self) -> None:
        """Take in its log until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.log.append(_message(line.decode()))
            self._news.set()
        await self.process.wait()
        self._news.set()


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError):
        return line
