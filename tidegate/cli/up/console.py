"""Where people look: tables, log and the output of functions, in order, never in the way.

A thread of its own writes, so a terminal that is stopped or a slow pipe does not stop the gateway.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from gateway.logs import quiet_libraries
from tidegate.cli.up.options import LogFormat, LogLevel

if TYPE_CHECKING:
    from controllers.local.logs import LogLine

KEPT = 10_000
"""Texts that may wait for a slow terminal; then new ones are dropped and counted."""

FLUSH_TIMEOUT = 2.0
"""For what still waits at the end. Seconds."""

RESET, BOLD, DIM = "\033[0m", "\033[1m", "\033[2m"
LEVEL_COLOURS = {"WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[31m"}
NAME_COLOURS = ("\033[36m", "\033[35m", "\033[34m", "\033[32m", "\033[96m", "\033[95m")


class Console:
    """Writes to one stream from one thread, bounded."""

    def __init__(self, stream: TextIO, form: LogFormat) -> None:
        self.form = form
        self.coloured = form is LogFormat.TEXT and stream.isatty()
        self._stream = stream
        self._queue: queue.Queue[str | None] = queue.Queue(KEPT)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Write lines, soon. Returns at once."""
        if self._dropped and self._put(f"({self._dropped} lines were not shown: too many)"):
            self._dropped = 0
        if not self._put(text):
            self._dropped += 1

    def show(self, text: str) -> None:
        """Write what is meant for people alone, such as a table."""
        if self.form is LogFormat.TEXT:
            self.write(text)

    def output_of(self, line: LogLine) -> None:
        """Write a line that a function printed, after its name."""
        name = "/".join(line.key)
        if self.form is LogFormat.JSON:
            fields = {"function": name, "replica": line.replica, "stream": line.stream}
            self.write(json_line(line.time, "info", line.text, **fields))
            return
        short = name.removeprefix("default/")
        colour = NAME_COLOURS[zlib.crc32(name.encode()) % len(NAME_COLOURS)]
        self.write(f"{self.paint(short, colour)} {self.paint('|', DIM)} {line.text}")

    def paint(self, text: str, colour: str) -> str:
        """Return `text` in a colour where there are colours."""
        return f"{colour}{text}{RESET}" if self.coloured else text

    def close(self) -> None:
        """Write what waits, for a while."""
        with suppress(queue.Full):
            self._queue.put(None, timeout=FLUSH_TIMEOUT)
        self._thread.join(FLUSH_TIMEOUT)

    def _put(self, text: str) -> bool:
        try:
            self._queue.put_nowait(text)
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while (text := self._queue.get()) is not None:
            try:
                self._stream.write(text + "\n")
                if self._queue.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # nobody reads any more; the work goes on
                continue


class ConsoleLog(logging.Handler):
    """Sends log records to the console in its form."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        if self._console.form is LogFormat.JSON:
            level = record.levelname.lower()
            self._console.write(json_line(record.created, level, text, logger=record.name))
        else:
            self._console.write(self._line(record, text))

    def _line(self, record: logging.LogRecord, text: str) -> str:
        clock = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        colour = LEVEL_COLOURS.get(record.levelname)
        body = f"{level}{text}"
        painted = body if colour is None else self._console.paint(body, colour)
        return f"{self._console.paint(clock, DIM)} {painted}"


def json_line(at: float, level: str, message: str, **fields: object) -> str:
    """Return one log entry as JSON."""
    time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    entry = {"time": time.replace("+00:00", "Z"), "level": level, "message": message, **fields}
    return json.dumps(entry, ensure_ascii=False)


def start_logging(form: LogFormat, level: LogLevel) -> Console:
    """Send every log record of this process to standard output; returns the console."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream
    console = Console(sys.stdout, form)
    logging.basicConfig(handlers=[ConsoleLog(console)], level=level.value.upper(), force=True)
    quiet_libraries()
    return console
