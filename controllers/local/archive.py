"""Unpacks archives from strangers: nothing outside the folder, nothing without bound."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from controllers.desired.code import Archive, FunctionInvalid
from controllers.local.settings import CodeSettings

CHUNK = 256 * 1024

Member = tuple[str, IO[bytes] | None]
"""Name and content; a folder has none."""

BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError,
    NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip
"""What the standard library raises for archives that are damaged, encrypted or made up."""


def unpack(packed: bytes, kind: Archive, folder: Path, settings: CodeSettings) -> None:
    """Write an archive's files below `folder`; raises FunctionInvalid. Blocks: use a thread."""
    try:
        members = _zip_members(packed) if kind is Archive.ZIP else _tar_members(packed)
        _write(members, folder, settings)
    except BROKEN as error:
        raise FunctionInvalid(
            f"unpacking the {kind.value} archive of spec.function: {error}; pack it again, or "
            "correct spec.function-content-type"
        ) from error


def _write(members: Iterator[Member], folder: Path, settings: CodeSettings) -> None:
    left = settings.unpacked_limit
    for count, (name, content) in enumerate(members, start=1):
        if count > settings.member_limit:
            raise FunctionInvalid(f"the archive has more than {settings.member_limit} members")
        target = folder / _safe(name)
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        left -= _copy(content, target, left)


def _copy(content: IO[bytes], target: Path, limit: int) -> int:
    written = 0
    with content, target.open("wb") as file:
        while chunk := content.read(CHUNK):
            written += len(chunk)
            if written > limit:
                raise FunctionInvalid("the archive's files are larger than the limit; make it less")
            file.write(chunk)
    return written


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise FunctionInvalid(f"the archive has a member outside of its folder: {name[:100]!r}")
    return path


def _zip_members(packed: bytes) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for entry in archive.infolist():
            yield entry.filename, None if entry.is_dir() else archive.open(entry)


def _tar_members(packed: bytes) -> Iterator[Member]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:*") as archive:
        for entry in archive:
            if entry.isdir():
                yield entry.name, None
            elif entry.isreg():
                yield entry.name, archive.extractfile(entry)
            else:
                raise FunctionInvalid(
                    f"the archive has a link or device: {entry.name[:100]!r}; pack files only"
                )
