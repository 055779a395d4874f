"""What a long verb is doing: one line that changes on a terminal, plain lines anywhere else."""

from __future__ import annotations

import asyncio
import sys
import time
from types import TracebackType
from typing import Self, TextIO

from tidegate.cli.output import one_line

WIDTH = 79
BAR = 20


class Progress:
    """Writes to standard error, so that results stay by themselves. Use it with `with`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._began = time.monotonic()
        self._said = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, so that something else can be written."""
        if self._terminal and self._said:
            self._write("\r" + " " * WIDTH + "\r")

    def say(self, sentence: str) -> None:
        """Show what is done now; a sentence that was said already is not said again in plain."""
        sentence = one_line(sentence)
        again, self._said = sentence == self._said, sentence
        if self._terminal:
            self._show()
        elif not again:
            self._write(f"{sentence}\n")

    def tick(self) -> None:
        """Show on a terminal that time goes on."""
        if self._terminal and self._said:
            self._show()

    async def ticking(self) -> None:
        """Show every second that time goes on, until cancelled."""
        while True:
            await asyncio.sleep(1)
            self.tick()

    def _show(self) -> None:
        seconds = round(time.monotonic() - self._began)
        self._write("\r" + f"{self._said} ({seconds} s)"[:WIDTH].ljust(WIDTH))

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def bar(done: float, total: float) -> str:
    """Return how much of `total` is done, drawn and in percent."""
    share = min(max(done / total, 0.0), 1.0) if total > 0 else 0.0
    filled = int(share * BAR)
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {int(share * 100):3d}%"
