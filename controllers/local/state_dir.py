"""The folder between runs: what is in use, what is left over, what is old. All of it blocks.

run.PID.…            port files of a run; goes with it
code/DIGEST          code of functions
code/new.…           code that is being written
environments/DIGEST  link to an environment of Python that is complete
environments/DIGEST.…  an environment
dependencies/…       the same for what other languages install
builds/…             the same for code with its dependencies, or compiled
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def new_run_folder(state_dir: Path) -> Path:
    """Make a folder for this run that nobody else can write to."""
    state_dir.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"run.{os.getpid()}.", dir=state_dir))


def touch(folder: Path) -> None:
    """Note that `folder` is used now."""
    os.utime(folder)


def sweep(state_dir: Path, unused_since: float) -> None:
    """Remove what killed runs left, and what nobody used since a moment of Unix time."""
    for folder in (*_dead_runs(state_dir), *_unused(state_dir, unused_since)):
        shutil.rmtree(folder, ignore_errors=True)
    for link in _made(state_dir):
        if link.is_symlink() and not link.exists():
            link.unlink(missing_ok=True)


def _dead_runs(state_dir: Path) -> Iterator[Path]:
    for folder in state_dir.glob("run.*.*"):
        if not _runs(folder.name.split(".")[1]):
            yield folder


def _runs(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _unused(state_dir: Path, since: float) -> Iterator[Path]:
    for folder in (*state_dir.glob("code/*"), *_made(state_dir)):
        with suppress(FileNotFoundError):
            if not folder.is_symlink() and folder.stat().st_mtime < since:
                yield folder


def _made(state_dir: Path) -> Iterator[Path]:
    """Yield what a workshop has made, folders and links to them."""
    for kind in ("builds", "dependencies", "environments"):
        yield from state_dir.glob(f"{kind}/*")
