"""One SQLite file that several connections and several processes share."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.stores.sqlite_leases import SqliteLeases

SHARED_FIRST, SHARED_SIZE = 0x40000002, 510
"""Where SQLite locks a file that a connection reads, as its file format says."""

TRY_LOCK = f"""
import fcntl, sys
with open(sys.argv[1], "rb+") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, {SHARED_SIZE}, {SHARED_FIRST})
    except OSError:
        print("in use")
    else:
        print("free")
"""


def to_another_process(path: Path) -> str:
    """Say what another process sees of the locks of this one."""
    command = [sys.executable, "-c", TRY_LOCK, str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    return said.stdout.strip()


@pytest.mark.regression(
    "SQLite: closing any descriptor of a file drops all locks that the process has on it"
)
async def test_a_second_store_on_a_file_leaves_the_first_one_its_locks(tmp_path: Path) -> None:
    path = tmp_path / "leases.sqlite"
    first, second = SqliteLeases(path), SqliteLeases(path)
    try:
        await first.create("group", [])
        await second.create("group", [])
        assert await asyncio.to_thread(to_another_process, path) == "in use"
    finally:
        await first.close()
        await second.close()
    assert await asyncio.to_thread(to_another_process, path) == "free"
