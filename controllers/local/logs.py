"""What functions print: split, bounded, kept for a while, followed by whoever looks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from controllers.desired.local import FunctionKey
from controllers.local.settings import LogSettings


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of output. `stream` is stdout, stderr, install, or tidegate for our own notes."""

    key: FunctionKey
    replica: int
    stream: str
    text: str
    time: float


class LogBook:
    """The last lines of one function, bounded in count and in bytes; many may follow it."""

    def __init__(
        self, settings: LogSettings, on_line: Callable[[LogLine], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._on_line = on_line
        self._lines: deque[LogLine] = deque()
        self._bytes = 0
        self._appended = 0
        self._closed = False
        self._news = asyncio.Event()

    def append(self, line: LogLine) -> None:
        """Keep `line`, let go of the oldest, and wake the followers."""
        self._lines.append(line)
        self._bytes += len(line.text)
        self._appended += 1
        while self._over_limit():
            self._bytes -= len(self._lines.popleft().text)
        self._on_line(line)
        self._wake()

    def close(self) -> None:
        """End every follower after the lines that are there."""
        self._closed = True
        self._wake()

    def last(self, count: int) -> list[LogLine]:
        """Return up to `count` lines, oldest first."""
        return list(self._lines)[-count:] if count > 0 else []

    async def follow(self, backlog: int = 0) -> AsyncIterator[LogLine]:
        """Yield the last `backlog` lines and then each new one.

        A follower slower than the output misses the oldest ones.
        """
        seen = self._appended - min(backlog, len(self._lines))
        while True:
            while seen < self._appended:
                fresh, seen = self.last(self._appended - seen), self._appended
                for line in fresh:
                    yield line
            if self._closed:
                return
            await self._news.wait()

    def _over_limit(self) -> bool:
        settings = self._settings
        return len(self._lines) > settings.kept_lines or self._bytes > settings.kept_bytes

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class Lines:
    """Turns the chunks of one stream into lines, bounded in length and in rate.

    What comes faster than the settings allow is dropped and counted; `flush()` tells how much.
    Memory is one unfinished line, whatever the writer does.
    """

    def __init__(
        self,
        settings: LogSettings,
        emit: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._emit = emit
        self._clock = clock
        self._rest = b""
        self._dropped = 0
        self._filled_at = clock()
        self._lines_left = float(settings.lines_per_second)
        self._bytes_left = float(settings.bytes_per_second)
        self.last = ""

    @property
    def dropping(self) -> bool:
        """Tell whether lines were dropped that no note has counted yet."""
        return self._dropped > 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        self._refill()
        *whole, rest = (self._rest + chunk).split(b"\n", self._allowance())
        for line in whole:
            self._take(line)
        if b"\n" in rest:
            self._skip(rest)
        else:
            self._rest = rest[: self._settings.line_limit]

    def flush(self) -> None:
        """Report what was dropped so far."""
        if self._dropped:
            count, self._dropped = self._dropped, 0
            self._emit(f"(dropped {count} lines: the output is faster than the log takes)")

    def finish(self) -> None:
        """Take the unfinished line at the end of the stream as a whole one."""
        self.flush()
        if self._rest:
            self._emit(self._remember(self._rest))
            self._rest = b""

    def _refill(self) -> None:
        now = self._clock()
        passed, self._filled_at = now - self._filled_at, now
        lines, size = self._settings.lines_per_second, self._settings.bytes_per_second
        self._lines_left = min(lines, self._lines_left + passed * lines)
        self._bytes_left = min(size, self._bytes_left + passed * size)

    def _allowance(self) -> int:
        return int(self._lines_left) if self._bytes_left >= 1 else 0

    def _take(self, line: bytes) -> None:
        text = self._remember(line)
        if self._bytes_left < 1:
            self._dropped += 1
            return
        self.flush()
        self._lines_left -= 1
        self._bytes_left -= len(text)
        self._emit(text)

    def _skip(self, chunk: bytes) -> None:
        """Count lines without splitting them, and keep the end: it may be the last word."""
        self._dropped += chunk.count(b"\n")
        head, _, rest = chunk.rpartition(b"\n")
        self._remember(head[-self._settings.line_limit :].rpartition(b"\n")[2])
        self._rest = rest[: self._settings.line_limit]

    def _remember(self, line: bytes) -> str:
        limit = self._settings.line_limit
        text = line[:limit].decode("utf-8", "replace").rstrip("\r")
        if text.strip():
            self.last = text
        return text
