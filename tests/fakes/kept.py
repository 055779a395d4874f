"""Folders outside the tree that are filled once, and kept for every later run of the tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Return where everything is kept that is built or installed once."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "tidegate"


@contextmanager
def filled(target: Path) -> Iterator[Path]:
    """Yield a folder to fill, which then becomes `target`.

    That appears whole or not at all, however many fill it at once: the first of them is taken.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        yield fresh
        os.rename(fresh, target)
    except OSError:
        if not target.exists():
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
