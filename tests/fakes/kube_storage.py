"""What the API server double keeps: objects, versions, and a bounded history of events."""

from __future__ import annotations

import copy
import re
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.fakes.kube_ownership import Ownership, Writer, text_of
from tidegate.kube.objects import Object
from tidegate.kube.resources import Resource

HISTORY = 1000
_PROPAGATION = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
"""By which finalizer an object waits for the garbage collector, which is not here."""

_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")


class Refused(Exception):
    """A request that is answered with a Status."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details,
            "code": code,
        }


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one object, with what it was before."""

    revision: int
    resource: Resource
    old: Object | None
    new: Object | None
    """As it is now, or None when it was deleted."""

    last: Object
    """What a watcher is told: of a deletion, the object as it was, at the version of its end."""


@dataclass(frozen=True, slots=True)
class Where:
    """An object's place."""

    resource: Resource
    namespace: str
    name: str


@dataclass(slots=True)
class Stored:
    """An object and the owners of its fields."""

    obj: Object = field(default_factory=dict)
    ownership: Ownership = field(default_factory=Ownership)


class Storage:
    """All objects of a cluster. Every write that changes something has a revision of its own."""

    def __init__(self) -> None:
        self.revision = 1
        self.history: deque[Event] = deque(maxlen=HISTORY)
        self.oldest = 1
        """The history is whole from here on."""

        self._objects: dict[Where, Stored] = {}

    def select(self, resource: Resource, namespace: str) -> list[Object]:
        """Return copies of the objects, in the order of their names."""
        return [
            copy.deepcopy(stored.obj)
            for where, stored in sorted(
                self._objects.items(), key=lambda item: (item[0].namespace, item[0].name)
            )
            if where.resource == resource and namespace in ("", where.namespace)
        ]

    def get(self, where: Where) -> Object:
        """Return a copy. Raises `Refused` when there is none."""
        return copy.deepcopy(self._found(where).obj)

    def has(self, where: Where) -> bool:
        """Return whether there is one."""
        return where in self._objects

    def create(self, where: Where, obj: Object, writer: Writer) -> Object:
        """Store a new object."""
        if where in self._objects:
            raise Refused(409, "AlreadyExists", f"{where.name} already exists", name=where.name)
        new = _born(where, obj)
        stored = Stored()
        stored.ownership.updated(writer, {}, new)
        return self._commit(where, stored, None, new)

    def update(self, where: Where, obj: Object, writer: Writer) -> Object:
        """Store another state of an object, on condition of its version where it has one."""
        stored = self._found(where)
        old = stored.obj
        _check_version(where, old, obj["metadata"].get("resourceVersion"))
        new = _with_identity(copy.deepcopy(obj), old)
        if _equal(old, new):
            return copy.deepcopy(old)
        stored.ownership.updated(writer, old, new)
        return self._commit(where, stored, old, new)

    def apply(self, where: Where, obj: Object, writer: Writer, *, force: bool) -> Object:
        """Apply `obj`, making it when it is not there."""
        stored = self._objects.get(where)
        if stored is None:
            stored = Stored()
            new = _born(where, {key: obj[key] for key in ("apiVersion", "kind")})
            stored.ownership.apply(writer, new, obj)
            return self._commit(where, stored, None, new)
        conflicts = stored.ownership.conflicts(writer, stored.obj, obj)
        if conflicts and not force:
            raise _apply_conflict(conflicts)
        old, new = stored.obj, copy.deepcopy(stored.obj)
        before = stored.ownership.managed_fields()
        stored.ownership.apply(writer, new, obj)
        if _equal(old, new) and before == stored.ownership.managed_fields():
            return copy.deepcopy(old)
        return self._commit(where, stored, old, new)

    def delete(self, where: Where, options: Object) -> Object:
        """Delete the object, or mark it when finalizers hold it."""
        stored = self._found(where)
        old = stored.obj
        preconditions = options.get("preconditions") or {}
        for name, value in preconditions.items():
            if old["metadata"].get(name) != value:
                raise Refused(409, "Conflict", f"the {name} is another", name=where.name)
        finalizer = _PROPAGATION.get(options.get("propagationPolicy", ""))
        if not old["metadata"].get("finalizers") and finalizer is None:
            return self._gone(where, old)
        new = copy.deepcopy(old)
        if finalizer is not None:
            new["metadata"].setdefault("finalizers", []).append(finalizer)
        new["metadata"].setdefault("deletionTimestamp", "2026-01-01T00:00:00Z")
        return self._commit(where, stored, old, new)

    def compact(self) -> None:
        """Forget the history; watches that are open go on."""
        self.oldest = self.revision

    def restore(self, objects: dict[Where, Stored], revision: int) -> None:
        """Go back to a backup: older objects, and older revisions."""
        self._objects = objects
        self.revision = revision
        self.history.clear()
        self.compact()

    def backup(self) -> tuple[dict[Where, Stored], int]:
        """Return what `restore` takes."""
        return copy.deepcopy(self._objects), self.revision

    def _found(self, where: Where) -> Stored:
        stored = self._objects.get(where)
        if stored is None:
            kind = where.resource.plural
            message = f'{where.resource.full_name} "{where.name}" not found'
            raise Refused(404, "NotFound", message, name=where.name, kind=kind)
        return stored

    def _commit(self, where: Where, stored: Stored, old: Object | None, new: Object) -> Object:
        metadata = new["metadata"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            return self._gone(where, new)
        self.revision += 1
        metadata["resourceVersion"] = str(self.revision)
        if old is not None and _spec(old) != _spec(new):
            metadata["generation"] += 1
        metadata["managedFields"] = stored.ownership.managed_fields()
        stored.obj = new
        self._objects[where] = stored
        self._remember(Event(self.revision, where.resource, old, new, new))
        return copy.deepcopy(new)

    def _gone(self, where: Where, old: Object) -> Object:
        self.revision += 1
        del self._objects[where]
        last = copy.deepcopy(old)
        last["metadata"]["resourceVersion"] = str(self.revision)
        self._remember(Event(self.revision, where.resource, old, None, last))
        return last

    def _remember(self, event: Event) -> None:
        if len(self.history) == HISTORY:
            self.oldest = self.history[0].revision
        self.history.append(event)


def _born(where: Where, obj: Object) -> Object:
    if not _NAME.match(where.name):
        cause = {"reason": "FieldValueInvalid", "field": "metadata.name", "message": "invalid"}
        message = f'{where.resource.kind} "{where.name}" is invalid: metadata.name'
        raise Refused(422, "Invalid", message, name=where.name, causes=[cause])
    new = copy.deepcopy(obj)
    new["metadata"] = {
        **new.get("metadata", {}),
        "name": where.name,
        "uid": str(uuid.uuid4()),
        "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "generation": 1,
    }
    if where.resource.namespaced:
        new["metadata"]["namespace"] = where.namespace
    return new


def _spec(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def _check_version(where: Where, old: Object, version: str | None) -> None:
    if version and version != old["metadata"]["resourceVersion"]:
        raise Refused(409, "Conflict", "the object has been modified", name=where.name)


def _with_identity(new: Object, old: Object) -> Object:
    kept = ("uid", "creationTimestamp", "deletionTimestamp", "generation", "namespace", "name")
    for name in kept:
        if name in old["metadata"]:
            new["metadata"][name] = old["metadata"][name]
    return new


def _equal(one: Object, other: Object) -> bool:
    return _bare(one) == _bare(other)


def _bare(obj: Object) -> Object:
    dropped = ("resourceVersion", "managedFields")
    metadata = {name: value for name, value in obj["metadata"].items() if name not in dropped}
    return {**obj, "metadata": metadata}


def _apply_conflict(conflicts: list[tuple[Any, str]]) -> Refused:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{owner}"',
            "field": text_of(path),
        }
        for path, owner in conflicts
    ]
    return Refused(409, "Conflict", f"Apply failed with {len(causes)} conflicts", causes=causes)
