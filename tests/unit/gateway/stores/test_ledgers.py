"""Ledgers keep what they were told."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.core.ledger import Ledger
from gateway.errors import ConfigError, SourceUnavailable
from gateway.stores.memory import MemoryLedger
from gateway.stores.sqlite import KEY_LIMIT, VALUE_LIMIT, SqliteLedger


@pytest.fixture(params=["memory", "sqlite"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    made: Ledger = MemoryLedger() if request.param == "memory" else SqliteLedger(tmp_path / "l")
    yield made
    await made.close()


async def test_what_was_put_last_is_read(ledger: Ledger) -> None:
    await ledger.put("ns/trigger", "ticks", "one")
    await ledger.put("ns/trigger", "ticks", "two")
    assert await ledger.get("ns/trigger", "ticks") == "two"


async def test_what_was_never_put_is_none(ledger: Ledger) -> None:
    await ledger.put("ns/trigger", "ticks", "one")
    assert await ledger.get("ns/trigger", "shards") is None
    assert await ledger.get("ns/other", "ticks") is None


async def test_close_may_be_called_twice(ledger: Ledger) -> None:
    await ledger.close()
    await ledger.close()


async def test_values_survive_in_the_file(tmp_path: Path) -> None:
    first = SqliteLedger(tmp_path / "ledger.db")
    await first.put("ns/trigger", "ticks", "kept")
    await first.close()
    second = SqliteLedger(tmp_path / "ledger.db")
    assert await second.get("ns/trigger", "ticks") == "kept"
    await second.close()


def put_and_die(path: Path) -> None:
    async def put() -> None:
        await SqliteLedger(path).put("ns/trigger", "ticks", "kept")
        os._exit(9)

    asyncio.run(put())


async def test_a_value_survives_a_process_that_dies_right_after_put(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=put_and_die, args=(tmp_path / "ledger.db",)
    )
    process.start()
    await asyncio.to_thread(process.join, 20)
    assert process.exitcode == 9
    process.close()
    ledger = SqliteLedger(tmp_path / "ledger.db")
    assert await ledger.get("ns/trigger", "ticks") == "kept"
    await ledger.close()


async def test_many_writers_at_once_are_all_kept(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(ledger.put(f"ns/{number}", "ticks", str(number)))
    assert [await ledger.get(f"ns/{n}", "ticks") for n in range(50)] == [str(n) for n in range(50)]
    await ledger.close()


async def test_a_write_that_failed_is_not_taken_for_done_by_the_next(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    await ledger.open()
    await asked(ledger, "PRAGMA query_only = ON")
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(refused_put(ledger, f"ns/{n}")) for n in range(3)]
    assert all("writing the ledger" in attempt.result() for attempt in tries)
    await asked(ledger, "PRAGMA query_only = OFF")
    await ledger.put("ns/0", "ticks", "new")
    assert [await ledger.get(f"ns/{n}", "ticks") for n in range(3)] == ["new", "old", "old"]
    await ledger.close()


async def asked(ledger: SqliteLedger, pragma: str) -> object:
    """Run `pragma` on the ledger's own connection."""
    return await ledger._file.run("asking", lambda db: db.execute(pragma).fetchone())


async def refused_put(ledger: SqliteLedger, subscription: str) -> str:
    with pytest.raises(SourceUnavailable) as caught:
        await ledger.put(subscription, "ticks", "old")
    return str(caught.value)


async def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    await ledger.put("ns/trigger", "ticks", "one")
    modes = {stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(tmp_path)}
    await ledger.close()
    assert modes == {0o600}


async def test_every_value_is_synced_to_the_disk(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    await ledger.open()
    assert await asked(ledger, "PRAGMA journal_mode") == ("wal",)
    assert await asked(ledger, "PRAGMA synchronous") == (2,)
    await ledger.close()


@pytest.mark.parametrize(
    ("name", "value"), [("n" * (KEY_LIMIT + 1), "v"), ("name", "v" * (VALUE_LIMIT + 1))]
)
async def test_what_is_too_long_is_refused(tmp_path: Path, name: str, value: str) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    with pytest.raises(ValueError, match="too many"):
        await ledger.put("ns/trigger", name, value)
    await ledger.close()


async def refusal(path: Path) -> str:
    ledger = SqliteLedger(path)
    with pytest.raises(ConfigError) as caught:
        await ledger.open()
    await ledger.close()
    return str(caught.value)


async def test_a_directory_that_is_not_there_is_the_users_to_mend(tmp_path: Path) -> None:
    said = await refusal(tmp_path / "none" / "ledger.db")
    assert "none/ledger.db" in said
    assert "No such file or directory; name a file" in said


async def test_a_directory_is_not_a_ledger(tmp_path: Path) -> None:
    assert "Is a directory" in await refusal(tmp_path)


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes, which are long enough to be looked at as a header" * 20)
    before = path.read_bytes()
    assert "not a SQLite database" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_ledger_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    assert "schema 7 is newer than 1" in await refusal(path)


async def test_the_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id)")
    before = path.read_bytes()
    assert "something else" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    await ledger.close()
    with pytest.raises(SourceUnavailable, match="it is closed"):
        await ledger.get("ns/trigger", "ticks")
