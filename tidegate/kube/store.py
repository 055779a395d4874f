"""The objects that a reflector knows, and what changed in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from tidegate.kube.objects import Object, ObjectKey, key_of, uid_of, version_of


class Change(StrEnum):
    """What became of an object."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"


class Delta(NamedTuple):
    """One change: `new` is what is there now, or None; `old` is what was there, or None."""

    change: Change
    key: ObjectKey
    old: Object | None
    new: Object | None


class Store(Mapping[ObjectKey, Object]):
    """Objects by key. They are shared: whoever wants one changed copies it."""

    def __init__(self) -> None:
        self._objects: dict[ObjectKey, Object] = {}

    def __getitem__(self, key: ObjectKey) -> Object:
        return self._objects[key]

    def __iter__(self) -> Iterator[ObjectKey]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def known(self, obj: Object) -> Object:
        """Return our own copy of `obj` if it is the same, so that the other one can go."""
        old = self._objects.get(key_of(obj))
        return old if old is not None and _same(old, obj) else obj

    def put(self, obj: Object) -> list[Delta]:
        """Take `obj` in and return what that changes."""
        key = key_of(obj)
        old = self._objects.get(key)
        if old is not None and _same(old, obj):
            return []
        self._objects[key] = obj
        if old is None:
            return [Delta(Change.ADDED, key, None, obj)]
        if uid_of(old) == uid_of(obj):
            return [Delta(Change.CHANGED, key, old, obj)]
        # Deleted and made anew while nobody looked: what belonged to the old one must go.
        return [Delta(Change.DELETED, key, old, None), Delta(Change.ADDED, key, None, obj)]

    def remove(self, key: ObjectKey) -> list[Delta]:
        """Forget the object and return what that changes."""
        old = self._objects.pop(key, None)
        return [] if old is None else [Delta(Change.DELETED, key, old, None)]

    def replace(self, objects: Mapping[ObjectKey, Object]) -> list[Delta]:
        """Take `objects` for all there is, and return what that changes; deletions first."""
        deltas = [
            delta for key in list(self._objects) if key not in objects for delta in self.remove(key)
        ]
        for obj in objects.values():
            deltas += self.put(obj)
        return deltas


def _same(one: Object, other: Object) -> bool:
    return version_of(one) == version_of(other) and uid_of(one) == uid_of(other)
