"""The objects that verbs make on a laptop: one file each, read like the files of the user."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Final

from tidegate.kube.objects import Object, ObjectKey

FOLDER: Final = "objects"

_SERVERS_OWN: Final = ("uid", "resourceVersion", "generation", "managedFields", "selfLink")


class KeptObjects:
    """A folder of objects. Its methods block."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER

    def create_folder(self) -> None:
        """Make the folder, so that it can be followed."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, kind: str, key: ObjectKey) -> Path:
        """Return the file of an object."""
        return self.folder / f"{kind.lower()}.{key.namespace}.{key.name}.yaml"

    def write(self, kind: str, key: ObjectKey, text: str) -> None:
        """Keep `text` as the object, whole or not at all. Only this user may read it."""
        descriptor, name = tempfile.mkstemp(dir=self.folder)  # made with mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path(kind, key))
        finally:
            Path(name).unlink(missing_ok=True)  # gone already where all went well

    def remove(self, kind: str, key: ObjectKey) -> None:
        """Keep it no more. Raises `OSError` without the folder, with which it would come back."""
        if not self.folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.folder))
        self.path(kind, key).unlink(missing_ok=True)


def written(obj: Object) -> Object:
    """Return what of `obj` is its user's: neither its status nor what a server notes."""
    metadata = {k: v for k, v in obj.get("metadata", {}).items() if k not in _SERVERS_OWN}
    rest = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    head: Object = {name: rest.pop(name) for name in ("apiVersion", "kind") if name in rest}
    return {**head, "metadata": metadata, **rest}
