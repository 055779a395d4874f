"""A SQLite file at work: one thread of its own, a deadline, and errors by their decision."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from gateway.errors import ConfigError, SourceUnavailable

T = TypeVar("T")


class SqliteFile:
    """The file `path`, which holds `what`; opened by `connect` at first use.

    All work runs on one thread, so a slow disk never holds up the loop, and within `deadline`
    seconds. A disk that fails is `SourceUnavailable`; what `connect` raises passes through.
    """

    def __init__(
        self, what: str, path: Path, deadline: float, connect: Callable[[Path], sqlite3.Connection]
    ) -> None:
        self._name = f"the {what} {path}"
        self._path = path
        self._deadline = deadline
        self._connect = connect
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=what)
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def run(self, doing: str, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` makes of the connection; `doing` is for the error."""
        return await self._on_thread(doing, lambda: work(self._connected()))

    async def close(self) -> None:
        """Let go of the file. Idempotent."""
        if self._closed:
            return
        try:
            await self._on_thread("closing", self._disconnect)
        finally:
            self._closed = True
            self._thread.shutdown(wait=False)

    async def _on_thread(self, doing: str, work: Callable[[], T]) -> T:
        if self._closed:
            raise SourceUnavailable(f"{doing} {self._name}: it is closed")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline):
                return await loop.run_in_executor(self._thread, work)
        except TimeoutError as error:
            raise SourceUnavailable(
                f"{doing} {self._name}: the disk did not answer within {self._deadline:g} s"
            ) from error
        except sqlite3.Error as error:
            raise SourceUnavailable(f"{doing} {self._name}: {error}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect(self._path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def opened(what: str, path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open `path`, made if need be, for its owner only. Raises `ConfigError` when it cannot be."""
    try:
        if path.is_dir():  # of which SQLite only says that it cannot be opened
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with suppress(FileExistsError):
            # Never opened beside SQLite when it is there: closing any descriptor of a file drops
            # the locks that other connections of this process have on it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return sqlite3.connect(
            path, timeout=busy_timeout, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"opening the {what} {path}: {reason}; name a file in a directory that can be written"
        ) from error


def not_a_database(what: str, path: Path, error: sqlite3.DatabaseError) -> ConfigError:
    """Say that `path` holds something else."""
    return ConfigError(
        f"opening the {what} {path}: it is not a SQLite database ({error}); "
        "name another file, or move this one away"
    )
