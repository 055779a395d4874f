"""The ledger of a laptop: one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from threading import Lock

from gateway.errors import ConfigError, SourceUnavailable
from gateway.stores.sqlite_file import SqliteFile, not_a_database, opened

SCHEMA_VERSION = 1
KEY_LIMIT = 1024
VALUE_LIMIT = 64 * 1024
BUSY_TIMEOUT = 5.0
"""How long one process waits while another writes."""

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
        self._file = SqliteFile("ledger", path, DEADLINE, connect)
        self._lock = Lock()
        self._waiting: dict[tuple[str, str], str] = {}

    async def open(self) -> None:
        """Open the file now, so that a wrong path is known at the start."""
        await self._file.run("opening", lambda _: None)

    async def get(self, subscription: str, name: str) -> str | None:
        return await self._file.run("reading", lambda db: _read(db, subscription, name))

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
        await self._file.run("writing", self._write_waiting)

    async def release(self, subscription: str) -> None:
        """Nothing to do: on one machine, places decide who runs what."""

    async def close(self) -> None:
        """Let go of the file. Idempotent."""
        await self._file.close()

    def _write_waiting(self, connection: sqlite3.Connection) -> None:
        """Write all that waits in one transaction; nothing is left when an earlier call did.

        What could not be written waits on: the call that put it must not find it gone.
        """
        with self._lock:
            batch, self._waiting = self._waiting, {}
        if not batch:
            return
        try:
            _write(connection, batch)
        except BaseException:
            with self._lock:
                self._waiting = batch | self._waiting
            raise


def _read(connection: sqlite3.Connection, subscription: str, name: str) -> str | None:
    query = "SELECT value FROM ledger WHERE subscription = ? AND name = ?"
    with closing(connection.execute(query, (subscription, name))) as rows:
        row = rows.fetchone()
    return None if row is None else str(row[0])


def _write(connection: sqlite3.Connection, batch: Mapping[tuple[str, str], str]) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO ledger VALUES (?, ?, ?) "
            "ON CONFLICT (subscription, name) DO UPDATE SET value = excluded.value",
            [(*key, value) for key, value in batch.items()],
        )


def connect(path: Path) -> sqlite3.Connection:
    """Open `path` as a ledger, made if need be. Raises `ConfigError` when it cannot be one."""
    connection = opened("ledger", path, BUSY_TIMEOUT)
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
        raise not_a_database("ledger", path, error) from error


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
