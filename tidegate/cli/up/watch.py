"""Tells when manifests may have changed."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from watchfiles import Change, awatch

from tidegate.cli.up.files import SUFFIXES

DEBOUNCE = 400
"""Longest wait for a burst of changes to end, in milliseconds: an editor's or a checkout's."""

QUIET = 50
"""A burst has ended when nothing changed for so long, in milliseconds."""

FIRST_LOOK = 2_000
"""This many milliseconds after a watch began, what came before it is seen too."""

Folders = Callable[[], Sequence[Path]]


async def changes(folders: Folders, named: frozenset[str]) -> AsyncGenerator[None, None]:
    """Yield when a manifest may have changed in one of `folders()`, subfolders not included.

    `named` are names of files that count whatever their suffix. The folders are asked for anew
    after each yield. Also yields once soon after each start of a watch, for what changed before.
    Raises OSError when the system watches no more.
    """
    while True:
        watched = tuple(folders())
        try:
            async with aclosing(_watch(watched, named)) as changed:
                async for _ in changed:
                    yield
                    if tuple(folders()) != watched:
                        break
        except FileNotFoundError:  # a folder went in between
            yield
            if tuple(folders()) == watched:
                raise


def concerns(change: Change, path: str, named: frozenset[str]) -> bool:
    """Tell whether a change can matter: of a manifest, of a folder, or what may have been one."""
    return (
        path.endswith(SUFFIXES)
        or os.path.basename(path) in named
        or change is Change.deleted
        or os.path.isdir(path)
    )


async def _watch(folders: Sequence[Path], named: frozenset[str]) -> AsyncGenerator[None, None]:
    fresh, due = True, time.monotonic() + FIRST_LOOK / 1000

    def matters(change: Change, path: str) -> bool:
        # Whatever changes puts the timeout off, so that in a busy folder it never comes.
        return concerns(change, path, named) or (fresh and time.monotonic() >= due)

    seen = awatch(
        *folders,
        watch_filter=matters,
        debounce=DEBOUNCE,
        step=QUIET,
        rust_timeout=FIRST_LOOK,
        yield_on_timeout=True,
        recursive=False,
    )
    async for changed in seen:
        if changed or fresh:
            fresh = False
            yield
