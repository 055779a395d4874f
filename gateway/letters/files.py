"""Files of dead letters for the event loop, shared by all that write to one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from gateway.context import Context
from gateway.core.dead_letter import Letter
from gateway.errors import ConfigError, SinkUnavailable
from gateway.letters.file import FileBounds, LetterFile
from gateway.letters.lines import letter_from_line
from gateway.letters.store import Stored
from tidegate.api.subscription import Subscription

T = TypeVar("T")

DEADLINE = 10.0
"""For one step on the disk; one that takes longer is away. Seconds."""

PAGE = 1024 * 1024
"""Bytes of lines that are read in one step."""


class FileLetters:
    """A `LetterFile` on a thread of its own, so that a slow disk never holds up the loop."""

    def __init__(self, path: Path, bounds: FileBounds | None = None) -> None:
        self.name = f"file {path}"
        self._file = LetterFile(path, bounds)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dead letters")

    async def open(self) -> None:
        """Take the file. Raises `ConfigError` when it cannot be had."""
        await self._run(self._file.open)

    async def append(self, line: bytes) -> None:
        """Have `line` on disk; see `LetterFile.append`."""
        await self._run(lambda: self._file.append(line))

    async def letters(self) -> AsyncGenerator[Stored, None]:
        """See `LetterStore.letters`."""
        lines = self._file.lines()
        try:
            while page := await self._run(lambda: _page(lines)):
                for letter in page:
                    if letter is not None:
                        yield Stored(letter, None)
        finally:
            await self._run(lines.close)

    async def remove(self, letters: Sequence[Stored]) -> None:
        """See `LetterStore.remove`."""
        ids = frozenset(stored.letter.id for stored in letters)
        await self._run(lambda: self._file.remove(ids))

    async def erase(self) -> str:
        """See `LetterStore.erase`: what is removed is gone."""
        return ""

    async def close(self) -> None:
        """Let others have the file."""
        self._file.close()
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE):
                return await loop.run_in_executor(self._thread, work)
        except TimeoutError as error:
            raise SinkUnavailable(
                f"dead letters in {self.name}: the disk did not answer within {DEADLINE:g} s"
            ) from error


def place_of(subscription: Subscription, context: Context) -> Path:
    """Return the file that the subscription's `deadLetter` names; see `path_of`."""
    target = subscription.policy.dead_letter
    assert target is not None
    return path_of(target.target, context.settings.dead_letters.folder)


@asynccontextmanager
async def opened(subscription: Subscription, context: Context) -> AsyncIterator[FileLetters]:
    """Read what the subscription has written. Raises `SinkUnavailable` where that cannot be."""
    async with AsyncExitStack() as stack:
        try:
            file = await stack.enter_async_context(borrow(place_of(subscription, context), context))
        except ConfigError as error:
            raise SinkUnavailable(str(error)) from error
        yield file


def borrow(path: Path, context: Context) -> AbstractAsyncContextManager[FileLetters]:
    """Use the file `path` together with all others that do."""

    async def open_file() -> FileLetters:
        letters = FileLetters(path)
        try:
            await letters.open()
        except (ConfigError, SinkUnavailable):
            await letters.close()
            raise
        return letters

    return context.shared.use(("dead letters", path), open_file, FileLetters.close)


def path_of(target: str, folder: Path | None) -> Path:
    """Return the file that `deadLetter.file` names: below `folder`, or where it says itself.

    Raises `ConfigError` for a name that would leave the folder, or when there is none.
    """
    path = Path(target)
    if path.is_absolute():
        return path
    if folder is None:
        raise ConfigError(
            f"delivery.deadLetter.file {target!r} names a file of a laptop, and this gateway has "
            "no folder for such; write an absolute path, or use nats or http"
        )
    if ".." in path.parts or not path.name:
        raise ConfigError(
            f"delivery.deadLetter.file {target!r} leaves the state folder; leave out the .., "
            "or write an absolute path"
        )
    return folder / path


def _page(lines: Iterator[bytes]) -> list[Letter | None]:
    """Read about `PAGE` bytes of lines; nothing only at the end."""
    page: list[Letter | None] = []
    size = 0
    for line in lines:
        page.append(letter_from_line(line))
        size += len(line)
        if size >= PAGE:
            break
    return page
