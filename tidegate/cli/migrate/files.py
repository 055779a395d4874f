"""Kubeless's objects in files, as `kubectl get --output yaml` or their authors wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tidegate.api.document import documents
from tidegate.cli.migrate.landscape import Landscape, landscape
from tidegate.cli.up import files
from tidegate.kube.objects import Object


def read_files(paths: Sequence[Path]) -> tuple[Landscape, list[str]]:
    """Return what the files below `paths` say, and a sentence for each that cannot be read.

    Blocks. Raises `CommandError` for a path that is not there.
    """
    files.require(paths)
    objects: list[Object] = []
    problems: list[str] = []
    for file in files.find(paths).files:
        try:
            found, wrong = documents(files.read(file), str(file))
        except OSError as error:
            problems.append(f"{file}: cannot be read: {error.strerror}; make it readable")
            continue
        problems += map(str, wrong)
        objects += (one for document in found for one in _objects(document.value))
    return landscape(objects), problems


def _objects(value: Any) -> Iterator[Object]:
    """Unpack lists, as kubectl prints them."""
    items = value.get("items") if isinstance(value, dict) else None
    if isinstance(items, list) and str(value.get("kind")).endswith("List"):
        for item in items:
            yield from _objects(item)
    elif isinstance(value, dict) and isinstance(value.get("kind"), str):
        yield value
