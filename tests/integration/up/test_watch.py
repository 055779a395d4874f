"""What is told of the folders of manifests, by the system's own watch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

from blockbuster import BlockBuster

from tidegate.cli.up.watch import changes

PATIENCE = 30.0


@contextmanager
def busy(file: Path) -> Iterator[None]:
    """Have a file that is no manifest written again and again."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.05):
            file.write_text("tick")

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


async def test_a_folder_is_looked_at_after_the_start_however_busy_it_is(
    tmp_path: Path, blocking_calls_fail: BlockBuster
) -> None:
    blocking_calls_fail.functions["os.stat"].can_block_in("cli/up/watch.py", "concerns")
    with busy(tmp_path / "up.log"):
        async with aclosing(changes(lambda: [tmp_path], frozenset())) as seen:
            async with asyncio.timeout(PATIENCE):
                await anext(seen)
