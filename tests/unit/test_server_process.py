"""Servers of tests leave nothing behind, also when they do not start."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fakes.processes import ServerProcess

SLEEP = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""


class Sleeper(ServerProcess):
    """A program that writes down its number, and then does nothing."""

    patience = 60.0
    refuses = False

    async def command(self) -> Sequence[str]:
        return [sys.executable, "-c", SLEEP, str(self.folder / "pid")]

    async def answers(self) -> bool:
        file = self.folder / "pid"
        there = file.exists() and file.read_text() != ""
        if there and self.refuses:
            raise ConnectionError("it speaks another protocol")
        return there

    def runs(self) -> bool:
        """Say whether its process is there."""
        return Path("/proc", (self.folder / "pid").read_text()).exists()


class Misled(ServerProcess):
    """A program that ends as soon as it has read its arguments."""

    patience = 60.0

    async def command(self) -> Sequence[str]:
        return [sys.executable, "-c", "raise SystemExit('no such flag')"]

    async def answers(self) -> bool:
        return False


async def test_a_server_runs_for_the_length_of_its_block(tmp_path: Path) -> None:
    async with Sleeper(tmp_path) as one:
        assert one.runs()
        one.freeze()
    assert not one.runs()


async def test_a_server_that_does_not_come_up_is_ended(tmp_path: Path) -> None:
    one = Sleeper(tmp_path)
    one.refuses = True
    with pytest.raises(ConnectionError):
        async with one:
            pytest.fail("it came up")
    assert not one.runs()


async def test_a_server_that_ends_at_once_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such flag"):
        await Misled(tmp_path).start()
