"""The leases of a laptop: one SQLite file, shared by the processes of one machine."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from gateway.core.lease import Change, Lease
from gateway.errors import ConfigError, SourceUnavailable

T = TypeVar("T")

BUSY_TIMEOUT = 2.0
"""How long one process waits while another writes."""

DEADLINE = 5.0
"""A disk that takes longer is away; a lease is worth less than that anyway."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS leases (family TEXT NOT NULL, key TEXT NOT NULL, "
    "position TEXT NOT NULL, parents TEXT NOT NULL, owner TEXT NOT NULL, "
    "counter INTEGER NOT NULL, former TEXT NOT NULL, PRIMARY KEY (family, key)) WITHOUT ROWID"
)


class SqliteLeases:
    """Leases in the file `path`, made at first use, readable by its owner only.

    See `gateway.core.lease.LeaseStore`. All work runs on one thread of its own. Raises
    `ConfigError` when the file cannot be used, and `SourceUnavailable` when the disk fails later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="leases")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def leases(self, group: str) -> list[Lease]:
        return await self._run("reading", lambda: self._read(group))

    async def create(self, group: str, leases: Sequence[Lease]) -> None:
        rows = [_row(group, lease) for lease in leases]
        query = "INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        await self._run("writing", lambda: self._write([(query, row) for row in rows]))

    async def replace(self, group: str, changes: Sequence[Change]) -> list[bool]:
        statements = [_update(group, *change) for change in changes]
        return await self._run("writing", lambda: self._write(statements))

    async def delete(self, group: str, lease: Lease) -> bool:
        query = "DELETE FROM leases WHERE family = ? AND key = ? AND owner = ? AND counter = ?"
        row = (group, lease.key, lease.owner, lease.counter)
        (gone,) = await self._run("writing", lambda: self._write([(query, row)]))
        return gone

    async def close(self) -> None:
        if self._closed:
            return
        try:
            await self._run("closing", self._disconnect)
        finally:
            self._closed = True
            self._thread.shutdown(wait=False)

    async def _run(self, doing: str, work: Callable[[], T]) -> T:
        if self._closed:
            raise SourceUnavailable(f"{doing} the leases {self._path}: the file is closed")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE):
                return await loop.run_in_executor(self._thread, work)
        except TimeoutError as error:
            raise SourceUnavailable(
                f"{doing} the leases {self._path}: the disk did not answer within {DEADLINE:g} s"
            ) from error
        except sqlite3.Error as error:
            raise SourceUnavailable(f"{doing} the leases {self._path}: {error}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(self._path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, group: str) -> list[Lease]:
        query = "SELECT * FROM leases WHERE family = ? ORDER BY key"
        with closing(self._connected().execute(query, (group,))) as rows:
            return [_lease(row) for row in rows]

    def _write(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> list[bool]:
        """Run all in one transaction; say which of them changed a row."""
        connection = self._connected()
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            return [connection.execute(*one).rowcount == 1 for one in statements]


def _row(group: str, lease: Lease) -> tuple[object, ...]:
    parents = ",".join(lease.parents)
    return (
        group,
        lease.key,
        lease.position,
        parents,
        lease.owner,
        lease.counter,
        lease.former,
    )


def _lease(row: tuple[str, str, str, str, str, int, str]) -> Lease:
    _, key, position, parents, owner, counter, former = row
    return Lease(key, position, tuple(filter(None, parents.split(","))), owner, counter, former)


def _update(group: str, old: Lease, new: Lease) -> tuple[str, tuple[object, ...]]:
    query = (
        "UPDATE leases SET position = ?, owner = ?, counter = ?, former = ? "
        "WHERE family = ? AND key = ? AND owner = ? AND counter = ?"
    )
    wanted = (new.position, new.owner, new.counter, new.former)
    return query, (*wanted, group, old.key, old.owner, old.counter)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"opening the leases {path}: {reason}; name a file in a directory that can be written"
        ) from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the last writes: old positions, from which records come again.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise ConfigError(
            f"opening the leases {path}: it is not a SQLite database ({error}); "
            "name another file, or move this one away"
        ) from error
    return connection
