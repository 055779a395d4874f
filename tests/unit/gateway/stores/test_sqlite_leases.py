"""The leases of a laptop, in a file that several processes share."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.lease import Lease, taken
from gateway.errors import ConfigError, SourceUnavailable
from gateway.stores.sqlite_leases import SqliteLeases

ROW = Lease("shard", "TRIM_HORIZON", ("a", "b"))

OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from gateway.core.lease import taken
from gateway.stores.sqlite_leases import SqliteLeases

async def main():
    store = SqliteLeases(Path(sys.argv[1]))
    (row,) = await store.leases("g", ["shard"])
    print(await store.replace("g", [(row, taken(row, "other"))]))
    await store.close()

asyncio.run(main())
"""


def another_process_takes(path: Path) -> str:
    command = [sys.executable, "-c", OTHER_PROCESS, str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    return said.stdout.strip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leases.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteLeases]:
    one = SqliteLeases(path)
    yield one
    await one.close()


async def test_leases_outlive_the_process(store: SqliteLeases, path: Path) -> None:
    await store.create("g", [ROW])
    await store.close()
    again = SqliteLeases(path)
    assert await again.leases("g", ["shard"]) == [ROW]
    await again.close()


async def test_another_process_takes_part(store: SqliteLeases, path: Path) -> None:
    await store.create("g", [ROW])
    assert await asyncio.to_thread(another_process_takes, path) == "[True]"
    assert await store.replace("g", [(ROW, taken(ROW, "me"))]) == [False]
    assert await store.leases("g", ["shard"]) == [taken(ROW, "other")]


async def test_only_its_owner_may_read_the_file(store: SqliteLeases, path: Path) -> None:
    await store.create("g", [ROW])
    mode = (await asyncio.to_thread(path.stat)).st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_a_folder_that_is_not_there_is_a_mistake_to_mend(tmp_path: Path) -> None:
    store = SqliteLeases(tmp_path / "nowhere" / "leases.sqlite")
    with pytest.raises(ConfigError, match="name a file in a directory that can be written"):
        await store.leases("g", ["shard"])
    await store.close()


async def test_a_file_of_something_else_is_a_mistake_to_mend(path: Path) -> None:
    text = b"not a database, and long enough to be seen as none" * 20
    await asyncio.to_thread(path.write_bytes, text)
    store = SqliteLeases(path)
    with pytest.raises(ConfigError, match="not a SQLite database"):
        await store.leases("g", ["shard"])
    await store.close()


async def test_a_store_that_another_process_holds_is_unavailable_for_now(
    store: SqliteLeases, path: Path
) -> None:
    await store.create("g", [ROW])
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SourceUnavailable, match="locked"):
        await store.replace("g", [(ROW, taken(ROW, "me"))])
    holder.execute("ROLLBACK")
    holder.close()
    assert await store.replace("g", [(ROW, taken(ROW, "me"))]) == [True]


async def test_a_closed_store_says_so(store: SqliteLeases) -> None:
    await store.close()
    with pytest.raises(SourceUnavailable, match="closed"):
        await store.leases("g", ["shard"])
