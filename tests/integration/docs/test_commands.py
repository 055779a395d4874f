"""The commands of the documentation do what it says, beside one `tidegate up`.

Pages are played in the order in which a newcomer reads them, in one folder that has the examples.
The addresses of the text are those of a `tidegate up` without options; here it has free ports.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.up.running import PATIENCE, Up, running
from tests.transcripts.terminal import Terminal
from tests.unit.docs.blocks import FILE, GOES_ON, RUN, UNTIL, Block, blocks
from tests.unit.docs.pages import ROOT, page, pages

READ_FIRST = ("README.md", "docs/index.md", "docs/quick-start.md")
LATER = sorted({each.name for each in pages()} - set(READ_FIRST))
EXAMPLES = ("hello", "pipeline", "cron")
PLAYED = [
    name for name in (*READ_FIRST, *LATER) if any(block.mark == RUN for block in blocks(page(name)))
]
NEEDS_AN_INDEX = {"README.md": "default/order"}
"""Pages whose function installs a package, and that function."""

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Up]:
    """A `tidegate up` that follows the folder of all pages, with the examples of `make up`."""
    folder = tmp_path_factory.mktemp("docs")
    for name in EXAMPLES:
        shutil.copytree(ROOT / "examples" / name, folder / "examples" / name)
    _keep_environments(folder, request)
    async with running(folder) as one:
        yield one


def _keep_environments(folder: Path, request: pytest.FixtureRequest) -> None:
    """Keep installed dependencies from one test run to the next."""
    cache = request.config.cache
    assert cache is not None
    (folder / ".tidegate").mkdir(mode=0o700)
    (folder / ".tidegate" / "environments").symlink_to(cache.mkdir("environments"))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", PLAYED)
async def test_the_commands_of_a_page_do_what_it_says(up: Up, name: str) -> None:
    if name in NEEDS_AN_INDEX:
        await _installed(up, NEEDS_AN_INDEX[name])
    for block in blocks(page(name)):
        await _play(up, block)


async def _installed(up: Up, function: str) -> None:
    known = (f"{function}: takes calls", "installing spec.deps failed")
    await up.until(lambda: any(words in up.log for words in known), timeout=150)
    if known[1] in up.log:
        pytest.skip("nats-py cannot be installed: the package index is not reachable")


async def _play(up: Up, block: Block) -> None:
    if block.mark == FILE:
        file = up.folder / block.note
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
    elif block.mark == GOES_ON:
        await up.says(block.note)
    elif block.mark == RUN:
        await _run(up, block)


async def _run(up: Up, block: Block) -> None:
    text = block.text.replace(".venv/bin/tidegate", "tidegate")
    text = text.replace("http://127.0.0.1:8080", up.url)
    text = text.replace("http://127.0.0.1:8081", up.contact["admin"])
    terminal = Terminal(up.folder)
    if block.language != "console":
        said, code = await terminal.run(f"set -e\n{text}")
        assert code == 0, f"{block}: exit {code}: {said}\n{up.log}"
        return
    transcript = up.folder / ".transcripts" / f"{block.page.replace('/', '-')}-{block.line}.txt"
    transcript.parent.mkdir(exist_ok=True)
    transcript.write_text(text, encoding="utf-8")
    await _shown(terminal, transcript, PATIENCE if block.note.endswith(UNTIL) else 0.0)


async def _shown(terminal: Terminal, transcript: Path, patience: float) -> None:
    """Play a transcript, again and again for `patience` seconds if it says something else."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return await terminal.play(transcript)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.2)
