"""Dead letters in a file, one line of JSON each. All of it blocks."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gateway.errors import ConfigError, EventRejected, SinkUnavailable
from gateway.letters.lines import letter_from_line

LOCK_TIMEOUT = 5.0
"""Seconds that one process may write, or rewrite, before others say so and try again."""

LOCK_PAUSE = 0.002
"""Between two tries to get the lock; one letter takes about as long to write."""

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class FileBounds:
    """How much a file of dead letters may hold. Bytes."""

    segment: int = 32 * 1024 * 1024
    """The file is put aside at this size, and a new one begun."""

    segments: int = 8
    """So many may lie aside; then nothing more is taken. Nothing is ever thrown away."""


class LetterFile:
    """The file `path`, and those that were put aside as `path.1`, `path.2` and so on, in order.

    A letter is on disk when `append` returns. The files are their owner's alone (0600). Several
    processes may write: a lock file beside them lets one at a time. A line that a crash cut off
    was never confirmed; it stays, and is passed over.
    """

    def __init__(self, path: Path, bounds: FileBounds | None = None) -> None:
        self._path = path
        self._bounds = bounds or FileBounds()
        self._lock = -1

    def open(self) -> None:
        """Make the folder and the lock file. Raises `ConfigError` when that cannot be."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
        except OSError as error:
            raise ConfigError(
                f"dead letters to {self._path}: {error.strerror}; name a file in a folder that "
                "can be written"
            ) from error

    def close(self) -> None:
        """Let go of the lock file."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def append(self, line: bytes) -> None:
        """Write a line and have it on disk.

        Raises `EventRejected` for a line that fits in no file, and `SinkUnavailable` when the
        disk refuses it or all that may be kept is full.
        """
        if len(line) > self._bounds.segment:
            raise EventRejected(
                f"writing a dead letter to {self._path}: its {len(line)} bytes are more than the "
                f"{self._bounds.segment} of a file; send such events to another delivery.deadLetter"
            )
        try:
            with self._alone():
                self._make_room(len(line))
                self._write(line)
        except OSError as error:
            raise self._away("writing to", error) from error

    def lines(self) -> Generator[bytes, None, None]:
        """Yield the lines of now, oldest first; what is appended or removed meanwhile is not seen.

        Raises `SinkUnavailable` when they cannot be read.
        """
        try:
            for segment in self._segments():
                with suppress(FileNotFoundError), self._reading(segment) as file:
                    yield from _lines(file, os.fstat(file.fileno()).st_size)
        except OSError as error:
            raise self._away("reading", error) from error

    def remove(self, ids: Collection[str]) -> None:
        """Rewrite the files without the letters of these ids."""
        try:
            with self._alone():
                for segment in self._segments():
                    with suppress(FileNotFoundError):
                        self._rewrite(segment, ids)
                _sync_folder(self._path.parent)
        except OSError as error:
            raise self._away("removing from", error) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Have no other process write meanwhile. Raises `SinkUnavailable` while one does."""
        until = time.monotonic() + LOCK_TIMEOUT
        while not _locked(self._lock):
            if time.monotonic() > until:
                raise SinkUnavailable(
                    f"writing to the dead letters in {self._path}: another process has had them "
                    f"for {LOCK_TIMEOUT:g} s"
                )
            time.sleep(LOCK_PAUSE)  # the lock tells nobody when it is free, and must not hang
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _segments(self) -> list[Path]:
        return [*(path for _, path in self._aside()), self._path]

    def _aside(self) -> list[tuple[int, Path]]:
        """Return the files that were put aside with their numbers, oldest first."""
        numbered = re.compile(re.escape(self._path.name) + r"\.(\d{1,9})")
        found = (
            (int(match[1]), self._path.with_name(name))
            for name in os.listdir(self._path.parent)
            if (match := numbered.fullmatch(name))
        )
        return sorted(found)

    def _make_room(self, size: int) -> None:
        """Put the file aside when `size` more bytes are too many for it."""
        try:
            held = self._path.lstat().st_size
        except FileNotFoundError:
            return
        if held + size <= self._bounds.segment:
            return
        aside = self._aside()
        if len(aside) >= self._bounds.segments:
            raise SinkUnavailable(
                f"writing a dead letter to {self._path}: it and the {len(aside)} files before it "
                "are full; make room with tidegate dlq redrive or tidegate dlq purge"
            )
        number = aside[-1][0] + 1 if aside else 1
        os.rename(self._path, f"{self._path}.{number}")

    def _write(self, line: bytes) -> None:
        made = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _FLAGS, 0o600)
        try:
            before = os.fstat(file).st_size
            if before and os.pread(file, 1, before - 1) != b"\n":
                line = b"\n" + line
            try:
                _write_all(file, line)
                os.fsync(file)
            except OSError:
                os.ftruncate(file, before)
                raise
        finally:
            os.close(file)
        if made:
            _sync_folder(self._path.parent)

    def _reading(self, segment: Path) -> IO[bytes]:
        return os.fdopen(os.open(segment, os.O_RDONLY | _FLAGS), "rb")

    def _rewrite(self, segment: Path, ids: Collection[str]) -> None:
        """Replace a file by one without these letters; a crash leaves the one or the other."""
        fresh = segment.with_name(f"{segment.name}.new")
        removed = kept = 0
        with self._reading(segment) as old, _fresh(fresh) as new:
            for line in old:
                letter = letter_from_line(line)
                if letter is not None and letter.id in ids:
                    removed += 1
                else:
                    kept += len(line)
                    new.write(line)
            new.flush()
            os.fsync(new.fileno())
        if not removed:
            fresh.unlink()
        elif kept:
            os.replace(fresh, segment)
        else:
            fresh.unlink()
            segment.unlink()

    def _away(self, doing: str, error: OSError) -> SinkUnavailable:
        return SinkUnavailable(f"{doing} the dead letters in {self._path}: {error.strerror}")


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lines(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the lines among the first `size` bytes: what comes later may not be whole yet."""
    for line in file:
        size -= len(line)
        if size < 0:
            return
        yield line


def _fresh(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _write_all(file: int, line: bytes) -> None:
    left = memoryview(line)
    while left:
        left = left[os.write(file, left) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
