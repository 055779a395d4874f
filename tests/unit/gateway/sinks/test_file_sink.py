"""Where the file of a dead letter may be, and who shares it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.context import Context
from gateway.core.shared import Shared
from gateway.errors import AttemptTimeout, ConfigError
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.letters.files import path_of
from gateway.settings import DeadLetterSettings, Settings
from gateway.sinks.file import FileSink
from gateway.stores.memory import MemoryLedger
from tests.support.events import delivery, subscription
from tests.support.gateways import DictSecrets
from tidegate.api.subscription import DeadLetter


def context(folder: Path | None) -> Context:
    settings = Settings(dead_letters=DeadLetterSettings(folder))
    return Context(settings, DictSecrets(), MemoryLedger(), Shared(), RouteTable(), Endpoints())


def sink(surroundings: Context, target: str, name: str = "orders") -> FileSink:
    dead_letter = DeadLetter("file", target)
    return FileSink(subscription(name, dead_letter=dead_letter), surroundings)


async def write(one: FileSink, id: str = "1", timeout: float = 5.0) -> None:
    await one.send(delivery(id), asyncio.get_running_loop().time() + timeout)


def test_a_relative_path_is_below_the_folder(tmp_path: Path) -> None:
    assert path_of("shop/dead.jsonl", tmp_path) == tmp_path / "shop" / "dead.jsonl"


def test_an_absolute_path_is_what_it_says(tmp_path: Path) -> None:
    assert path_of(str(tmp_path / "dead"), None) == tmp_path / "dead"


@pytest.mark.parametrize("target", ["../dead", "a/../../dead", "a/..", "."])
def test_no_path_leaves_the_folder(target: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leaves the state folder"):
        path_of(target, tmp_path)


def test_a_gateway_without_a_folder_refuses_a_relative_path() -> None:
    with pytest.raises(ConfigError, match="write an absolute path"):
        sink(context(None), "dead.jsonl")


async def test_two_triggers_share_one_file(tmp_path: Path) -> None:
    surroundings = context(tmp_path)
    first, second = sink(surroundings, "dead", "first"), sink(surroundings, "dead", "second")
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(write((first, second)[number % 2], str(number)))
    await first.close()
    await write(second, "20")
    await second.close()
    assert len((tmp_path / "dead").read_bytes().splitlines()) == 21


async def test_a_passed_deadline_writes_nothing(tmp_path: Path) -> None:
    one = sink(context(tmp_path), "dead")
    with pytest.raises(AttemptTimeout):
        await write(one, timeout=-1)
    await one.close()
    assert not (tmp_path / "dead").exists()
