"""The same function in every language, run by one command."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
import yaml

from runtimes.catalog import find
from tests.integration.examples.test_examples import EXAMPLES, posted
from tests.integration.up.running import running

FILES = sorted((EXAMPLES / "languages").glob("*.yaml"))


def lacks(file: Path) -> list[str]:
    """What this machine must have for an example, and has not."""
    function = next(yaml.safe_load_all(file.read_text()))
    programs = find(function["spec"]["runtime"]).runtime.programs
    return [program for program in programs if shutil.which(program) is None]


@pytest.mark.timeout(180)
async def test_every_language_of_this_machine_greets(tmp_path: Path) -> None:
    here = [file for file in FILES if not lacks(file)]
    async with running(tmp_path, paths=tuple(here)) as up:
        for file in here:
            await up.says(f"default/{file.stem}: takes calls", timeout=120)
        async with asyncio.TaskGroup() as group:
            body, kind = b'{"name": "Ada"}', "application/json"
            calls = [
                group.create_task(posted(f"{up.url}/{file.stem}", body, kind)) for file in here
            ]
        assert [call.result() for call in calls] == ["Hello, Ada!"] * len(here)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_language_that_is_not_here_is_named(file: Path) -> None:
    missing = lacks(file)
    if missing:
        pytest.skip(f"{file.stem}: there is no {', '.join(missing)} on this machine")
