"""Who owns which fields of an object: server-side apply, as far as tests need it.

Lists whose items all have a name are merged by it; other lists are one value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tidegate.kube.objects import Object

Path = tuple[Any, ...]
_IDENTITY = frozenset({"apiVersion", "kind"})
_SYSTEM = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "managedFields",
    }
)


class Named(NamedTuple):
    """A step of a path: into the item of a list that has this name."""

    name: str


class Writer(NamedTuple):
    """Who writes: the field manager, and whether it applies."""

    manager: str
    applies: bool


def leaves(obj: Object) -> dict[Path, Any]:
    """Return the values of `obj` that can be owned, by path."""
    found = {}
    for path, value in _walk(obj, ()):
        system = len(path) > 1 and path[0] == "metadata" and path[1] in _SYSTEM
        if path[0] not in _IDENTITY and not system:
            found[path] = value
    return found


def text_of(path: Path) -> str:
    """Return the path as the API server writes it."""
    return "".join(
        f'[name="{step.name}"]' if isinstance(step, Named) else f".{step}" for step in path
    )


def assign(obj: Object, path: Path, value: Any) -> None:
    """Set the value at `path`, making what leads there."""
    at: Any = obj
    for step, following in zip(path, [*path[1:], None], strict=True):
        if following is None:
            at[step] = value
        else:
            at = _entered(at, step, [] if isinstance(following, Named) else {})


def remove(obj: Object, path: Path) -> None:
    """Remove the value at `path`, and what that leaves empty."""
    chain: list[tuple[Any, Any]] = []
    at: Any = obj
    for step in path[:-1]:
        chain.append((at, step))
        at = _entered(at, step, None)
        if at is None:
            return
    at.pop(path[-1], None)
    for parent, step in reversed(chain):
        child = _entered(parent, step, None)
        if child and list(child) != ["name"]:
            return
        if isinstance(step, Named):
            parent[:] = [item for item in parent if item is not child]
        else:
            del parent[step]


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and (value or not path):
        for name, inner in value.items():
            yield from _walk(inner, (*path, name))
    elif isinstance(value, list) and value and all(_has_name(item) for item in value):
        for item in value:
            # The name is the way to the item; only of an item with nothing else is it a value.
            inner = {key: one for key, one in item.items() if key != "name"} or item
            yield from _walk(inner, (*path, Named(item["name"])))
    else:
        yield path, value


def _has_name(item: Any) -> bool:
    return isinstance(item, dict) and "name" in item


def _entered(at: Any, step: Any, default: Any) -> Any:
    if not isinstance(step, Named):
        return at.get(step) if default is None else at.setdefault(step, default)
    for item in at:
        if item.get("name") == step.name:
            return item
    if default is None:
        return None
    at.append({"name": step.name})
    return at[-1]


class Ownership:
    """The owners of the fields of one object."""

    def __init__(self) -> None:
        self._owned: dict[Writer, set[Path]] = {}

    def conflicts(self, writer: Writer, current: Object, applied: Object) -> list[tuple[Path, str]]:
        """Return the fields of `applied` that others have set to something else."""
        now = leaves(current)
        return [
            (path, other.manager)
            for path, value in leaves(applied).items()
            for other, paths in self._owned.items()
            if other != writer and path in paths and now.get(path) != value
        ]

    def apply(self, writer: Writer, current: Object, applied: Object) -> None:
        """Change `current` as `applied` says, and take over its fields."""
        wanted = leaves(applied)
        before = leaves(current)
        for path in self._owned.pop(writer, set()) - wanted.keys():
            if not any(path in paths for paths in self._owned.values()):
                remove(current, path)
        for path, value in wanted.items():
            assign(current, path, value)
            if before.get(path) != value:
                self._disown(path)
        self._owned[writer] = set(wanted)

    def updated(self, writer: Writer, old: Object, new: Object) -> None:
        """Take note that `writer` made `new` of `old`, which is empty at first."""
        before, after = leaves(old), leaves(new)
        for path in before.keys() - after.keys():
            self._disown(path)
        for path, value in after.items():
            if path not in before or before[path] != value:
                self._disown(path)
                self._owned.setdefault(writer, set()).add(path)

    def managed_fields(self) -> list[Object]:
        """Return the list of managers, fields as text."""
        return [
            {
                "manager": writer.manager,
                "operation": "Apply" if writer.applies else "Update",
                "fieldsType": "FieldsV1",
                "fieldsV1": {f"f:{text_of(path)}": {} for path in sorted(paths, key=str)},
            }
            for writer, paths in self._owned.items()
            if paths
        ]

    def _disown(self, path: Path) -> None:
        for paths in self._owned.values():
            paths.discard(path)
