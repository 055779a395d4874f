"""The ledger of a laptop: one SQLite file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import TypeVar

from gateway.errors import ConfigError, SourceUnavailable

T = TypeVar("T")

SCHEMA_VERSION = 1
KEY_LIMIT = 1024
VALUE_LIMIT = 64 * 1024
DEADLINE = 10.0
"""A disk that takes longer is away; whoever waits for it tries again later."""


class SqliteLedger:
    """A `Ledger` in the file `path`, which is made at first use, readable by its owner only.

    A value is on disk when `put` returns. All work runs on one thread of its own, so a slow disk
    never holds up the loop; values that wait for it are written together, so a thousand triggers
    that tick in one minute cost a few syncs. Raises `ConfigError` when the file cannot be a
    ledger, and `SourceUnavailable` when the disk fails later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._lock = Lock()
        self._waiting: dict[tuple[str, str], str] = {}

    async def open(self) -> None:
        """Open the file now, so that a wrong path is known at the start."""
        await self._run("opening", self._connected)

    async def get(self, subscription: str, name: str) -> str | None:
        return await self._run("reading", lambda: self._read(subscription, name))

    async def put(self, subscription: str, name: str, value: str) -> None:
        """Keep `value`. Raises `ValueError` for what is longer than the ledger's bounds."""
        if len(subscription) + len(name) > KEY_LIMIT or len(value) > VALUE_LIMIT:
            raise ValueError(
                f"writing {name} of {subscription[:KEY_LIMIT]} to the ledger: its {len(value)} "
                f"characters are too many; the bounds are {KEY_LIMIT} for the key and "
                f"{VALUE_LIMIT} for the value"
            )
        with self._lock:
            self._waiting[subscription, name] = value
        await self._run("writing", self._write_waiting)

    async def close(self) -> None:
        """Let go of the file. Idempotent."""
        if self._closed:
            return
        try:
            await self._run("closing", self._disconnect)
        finally:
            self._closed = True
            self._thread.shutdown(wait=False)

    async def _run(self, doing: str, work: Callable[[], T]) -> T:
        if self._closed:
            raise SourceUnavailable(f"{doing} the ledger {self._path}: it is closed")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE):
                return await loop.run_in_executor(self._thread, work)
        except TimeoutError as error:
            raise SourceUnavailable(
                f"{doing} the ledger {self._path}: the disk did not answer within {DEADLINE:g} s"
            ) from error
        except sqlite3.Error as error:
            raise SourceUnavailable(f"{doing} the ledger {self._path}: {error}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, subscription: str, name: str) -> str | None:
        query = "SELECT value FROM ledger WHERE subscription = ? AND name = ?"
        with closing(self._connected().execute(query, (subscription, name))) as rows:
            row = rows.fetchone()
        return None if row is None else str(row[0])

    def _write_waiting(self) -> None:
        """Write all that waits in one transaction; nothing is left when an earlier call did.

        What could not be written waits on: the call that put it must not find it gone.
        """
        with self._lock:
            batch, self._waiting = self._waiting, {}
        if not batch:
            return
        try:
            self._write(batch)
        except BaseException:
            with self._lock:
                self._waiting = batch | self._waiting
            raise

    def _write(self, batch: Mapping[tuple[str, str], str]) -> None:
        connection = self._connected()
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO ledger VALUES (?, ?, ?) "
                "ON CONFLICT (subscription, name) DO UPDATE SET value = excluded.value",
                [(*key, value) for key, value in batch.items()],
            )


def connect(path: Path) -> sqlite3.Connection:
    """Open `path` as a ledger, made if need be. Raises `ConfigError` when it cannot be one."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"opening the ledger {path}: {reason}; name a file in a directory that can be written"
        ) from error
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        _check_version(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS ledger (subscription TEXT NOT NULL, name TEXT NOT NULL, "
            "value TEXT NOT NULL, PRIMARY KEY (subscription, name)) WITHOUT ROWID"
        )
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except sqlite3.OperationalError as error:
        raise SourceUnavailable(f"opening the ledger {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ConfigError(
            f"opening the ledger {path}: it is not a SQLite database ({error}); "
            "name another file, or move this one away"
        ) from error


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"opening the ledger {path}: its schema {version} is newer than {SCHEMA_VERSION}, "
            "which this release knows; upgrade tidegate or name another file"
        )
    if version == 0 and tables:
        raise ConfigError(
            f"opening the ledger {path}: it is the database of something else; name another file"
        )
