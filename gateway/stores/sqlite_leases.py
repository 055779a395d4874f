"""The leases of a laptop: one SQLite file, shared by the processes of one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path

from gateway.core.lease import Change, Lease
from gateway.stores.sqlite_file import SqliteFile, not_a_database, opened

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
        self._file = SqliteFile("leases", path, DEADLINE, _connect)

    async def leases(self, group: str, keys: Collection[str]) -> list[Lease]:
        rows = await self._file.run("reading", lambda db: _read(db, group))
        return [row for row in rows if row.key in keys]

    async def create(self, group: str, leases: Sequence[Lease]) -> None:
        rows = [_row(group, lease) for lease in leases]
        query = "INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        await self._file.run("writing", lambda db: _write(db, [(query, row) for row in rows]))

    async def replace(self, group: str, changes: Sequence[Change]) -> list[bool]:
        statements = [_update(group, *change) for change in changes]
        return await self._file.run("writing", lambda db: _write(db, statements))

    async def delete(self, group: str, lease: Lease) -> bool:
        query = "DELETE FROM leases WHERE family = ? AND key = ? AND owner = ? AND counter = ?"
        row = (group, lease.key, lease.owner, lease.counter)
        (gone,) = await self._file.run("writing", lambda db: _write(db, [(query, row)]))
        return gone

    async def close(self) -> None:
        await self._file.close()


def _read(connection: sqlite3.Connection, group: str) -> list[Lease]:
    query = "SELECT * FROM leases WHERE family = ? ORDER BY key"
    with closing(connection.execute(query, (group,))) as rows:
        return [_lease(row) for row in rows]


def _write(
    connection: sqlite3.Connection, statements: Sequence[tuple[str, tuple[object, ...]]]
) -> list[bool]:
    """Run all in one transaction; say which of them changed a row."""
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
    connection = opened("leases", path, BUSY_TIMEOUT)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the last writes: old positions, from which records come again.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise not_a_database("leases", path, error) from error
    return connection
