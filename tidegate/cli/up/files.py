"""Which files hold manifests, and what they say. All of it blocks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.cli.errors import CommandError, ExitCode

SUFFIXES = (".yaml", ".yml", ".json")
LEFT_OUT = frozenset({"node_modules", "__pycache__"})

MAX_FILES = 2_000
"""More is not a folder of manifests: someone named a home folder."""

MAX_FOLDERS = 5_000
"""The same for folders, each of which is watched."""

MAX_SIZE = 1024 * 1024 + 1
"""One more than the loader takes, so that it says what is too large."""


@dataclass(frozen=True, slots=True)
class Found:
    """What lies below the paths of the user."""

    files: tuple[Path, ...]
    folders: tuple[Path, ...]
    """To be watched, each without its subfolders."""


def require(paths: Iterable[Path]) -> None:
    """Raise `CommandError` for the first path that is not there."""
    for path in paths:
        if not path.exists():
            raise CommandError(
                f"there is no file or folder {path}; name manifests or folders of manifests",
                ExitCode.USAGE,
            )


def find(paths: Sequence[Path], left_out: Path | None = None) -> Found:
    """Return the manifests below `paths`; hidden folders and `left_out` are passed over.

    A path that names a file is taken whatever its suffix, and need not exist (any more).
    Raises `CommandError` when there are too many.
    """
    files: dict[Path, None] = {}
    folders: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            for folder, names in _walk(path, left_out):
                folders[folder] = None
                files |= dict.fromkeys(folder / name for name in names)
                _check_bounds(path, len(files), len(folders))
        else:
            folders[path.parent] = None
            files[path] = None
    present = (folder for folder in folders if folder.is_dir())
    return Found(tuple(file for file in files if file.is_file()), tuple(present))


def read(file: Path) -> str:
    """Return the text of a file, as far as the loader takes it; raises OSError.

    What is not UTF-8 stays recognizable: the loader refuses it with a sentence.
    """
    with file.open("rb") as stream:
        return stream.read(MAX_SIZE).decode("utf-8", "surrogateescape")


def _walk(top: Path, left_out: Path | None) -> Iterator[tuple[Path, list[str]]]:
    for root, folders, files in os.walk(top):
        folder = Path(root)
        folders[:] = sorted(name for name in folders if _is_ours(folder / name, left_out))
        yield folder, sorted(name for name in files if _is_manifest(name))


def _is_ours(folder: Path, left_out: Path | None) -> bool:
    name = folder.name
    return not (name.startswith(".") or name in LEFT_OUT or folder.absolute() == left_out)


def _is_manifest(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".")


def _check_bounds(path: Path, files: int, folders: int) -> None:
    if files > MAX_FILES or folders > MAX_FOLDERS:
        raise CommandError(
            f"below {path} there are more than {MAX_FILES} manifests or {MAX_FOLDERS} folders; "
            "name the folder with the manifests",
            ExitCode.USAGE,
        )
