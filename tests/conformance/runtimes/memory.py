"""A limit of memory as a container has it: a cgroup, in whose want the kernel ends a process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.runtimes.launcher import Running, wait_until

_CGROUPS = Path("/sys/fs/cgroup")


class Limit:
    """What those who are taken in have together, beside what they have already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, server: Running) -> None:
        """Take in a server and the processes that it has; what they start is in as well."""
        wait_until(lambda: self._taken({server.process.pid, *server.descendants()}))

    def remove(self) -> None:
        """Remove it, when nobody is in it any more."""
        wait_until(self._removed)

    def _taken(self, pids: set[int]) -> bool:
        procs = self._folder / "cgroup.procs"
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                procs.write_text(str(pid))
        return pids <= {int(pid) for pid in procs.read_text().split()}

    def _removed(self) -> bool:
        with contextlib.suppress(OSError):
            self._folder.rmdir()
        return not self._folder.exists()


@contextmanager
def limited(size: int) -> Iterator[Limit]:
    """A limit of so many bytes; skips the test where none can be made."""
    first = not (_CGROUPS / "cgroup.procs").exists()
    folder = (_CGROUPS / "memory" if first else _CGROUPS) / f"tidegate-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"a limit of memory: no cgroup can be made: {error.strerror}")
    limit = Limit(folder)
    try:
        _bound(folder / ("memory.limit_in_bytes" if first else "memory.max"), size)
        yield limit
    finally:
        limit.remove()


def _bound(file: Path, size: int) -> None:
    # The file is there only where the controller is; it is never made by writing.
    if not file.exists():
        pytest.skip("a limit of memory: the cgroups here have no controller for it")
    file.write_text(str(size))
