"""The front's log lines, which never make it wait."""

import os
import select

LINE_LIMIT = 4000
"""POSIX promises that a pipe which polls writable takes this much without blocking."""


class LineWriter:
    """Writes lines to a descriptor that functions share and may fill.

    A line that does not fit at once is dropped and counted: answering calls goes before telling.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._dropped = 0

    def write(self, line: str) -> None:
        """One line, without its end."""
        if not any(event & select.POLLOUT for _, event in self._poll.poll(0)):
            self._dropped += 1
            return
        if self._dropped:
            line = f"({self._dropped} lines dropped: the log was not read) {line}"
            self._dropped = 0
        text = line.encode("utf-8", "replace")[:LINE_LIMIT]
        try:
            os.write(self._descriptor, text + b"\n")
        except OSError:
            self._dropped += 1
