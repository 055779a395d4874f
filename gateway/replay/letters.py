"""The dead letters of a trigger as a log. They stay where they are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime

from gateway.core.dead_letter import Letter
from gateway.errors import SinkUnavailable, SourceUnavailable
from gateway.letters.store import LetterStore
from gateway.replay.log import Entry, Window

PAGE = 64
"""Letters that are handed over in one step."""


class LettersLog:
    """The letters of `store` that are `wanted` and failed last within the window."""

    def __init__(
        self,
        store: AbstractAsyncContextManager[LetterStore],
        wanted: Callable[[Letter], bool],
        window: Window,
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._window = window
        self.passed = 0
        self.total: int | None = None

    async def pages(self) -> AsyncGenerator[Sequence[Entry], None]:
        """See `Log.pages`."""
        page: list[Entry] = []
        try:
            async with self._store as store, aclosing(store.letters()) as letters:
                async for stored in letters:
                    self.passed += 1
                    if self._is_meant(stored.letter):
                        page.append(_entry(stored.letter))
                    if len(page) >= PAGE:
                        yield page
                        page = []
            if page:
                yield page
        except SinkUnavailable as error:
            raise SourceUnavailable(str(error)) from error

    def _is_meant(self, letter: Letter) -> bool:
        if not self._wanted(letter):
            return False
        try:
            return self._window.holds(datetime.fromisoformat(letter.last_failed))
        except (ValueError, TypeError):
            return True  # nobody knows when: an HTTP caller's letter, or one of another program


def _entry(letter: Letter) -> Entry:
    return Entry(letter.event, letter.position, status=letter.code)
