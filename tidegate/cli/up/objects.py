"""The objects of a laptop as an API server would keep them: those of files, and those of verbs."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import orjson

from controllers.conditions import timestamp
from tidegate.api.check import check
from tidegate.api.core_kinds import Secret
from tidegate.api.kinds import CORE_KINDS, CUSTOM_KINDS, Trigger
from tidegate.api.loader import load
from tidegate.api.metadata import API_VERSION, Resource
from tidegate.api.problem import Problem, Severity
from tidegate.cli.up.kept import KeptObjects, written
from tidegate.cli.up.manifests import known_here
from tidegate.cli.up.pauses import Pauses
from tidegate.cli.yaml_text import text_of
from tidegate.kube.objects import Object, ObjectKey

KINDS: Mapping[str, str] = {f"{kind.lower()}s": kind for kind in (*CUSTOM_KINDS, *CORE_KINDS)}
"""Kinds by the word in a path."""

MOST_KEPT = 1_000
"""Objects that verbs may make on a laptop; `tidegate up` reads at most 2,000 files of a folder."""


class Refused(Exception):
    """Why the objects stay as they are, in the words of an API server."""

    def __init__(self, code: int, reason: str, message: str, name: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.name = name


class Running(Protocol):
    """What runs of the objects."""

    def resources(self) -> Sequence[Resource]:
        """Return the objects that run now."""
        ...

    def status_of(self, resource: Resource, before: Object, generation: int) -> Object:
        """Return what the status of one of them says."""
        ...

    async def take_up(self) -> None:
        """Read the files again and make what they say run."""
        ...


@dataclass(slots=True)
class _Version:
    """What the server notes of one object."""

    digest: bytes
    version: int
    generation: int = 1
    status: Object = field(default_factory=dict)


class LaptopObjects:
    """Reads and writes one object at a time. Every refusal raises `Refused`."""

    def __init__(self, kept: KeptObjects, pauses: Pauses, running: Running) -> None:
        self._kept = kept
        self._pauses = pauses
        self._running = running
        self._versions: dict[str, _Version] = {}
        self._last = int(time.time())
        self._one_at_a_time = asyncio.Lock()

    @property
    def version(self) -> str:
        """The version of the whole."""
        return str(self._last)

    def list(self, kind: str, namespace: str = "") -> list[Object]:
        """Return the objects of a kind, of one namespace or of all, by name."""
        self._forget_gone()
        found = [
            self._shown(one)
            for one in self._running.resources()
            if one.kind == kind and namespace in ("", one.namespace)
        ]
        return sorted(
            found, key=lambda one: (one["metadata"]["namespace"], one["metadata"]["name"])
        )

    def get(self, kind: str, key: ObjectKey) -> Object:
        """Return one object."""
        return self._shown(self._found(kind, key))

    async def create(self, kind: str, namespace: str, obj: Object) -> Object:
        """Keep a new object and run it."""
        key = _key(kind, obj, namespace)
        async with self._one_at_a_time:
            if self._resource(kind, key) is not None:
                raise Refused(409, "AlreadyExists", f"{kind} {key} is there already", key.name)
            if len(list(filter(self._is_kept, self._running.resources()))) >= MOST_KEPT:
                raise Refused(
                    403, "Forbidden", f"{MOST_KEPT} objects are kept already; delete some"
                )
            made = written(obj)
            made["metadata"]["creationTimestamp"] = timestamp(datetime.now(UTC))
            return await self._write(kind, key, made)

    async def replace(self, kind: str, key: ObjectKey, obj: Object) -> Object:
        """Change the object to what `obj` says, if it is at the version that `obj` names."""
        async with self._one_at_a_time:
            resource = self._changeable(kind, key, obj)
            made = {"creationTimestamp": resource.written["metadata"].get("creationTimestamp")}
            new = written(obj)
            new["metadata"] |= {name: value for name, value in made.items() if value}
            return await self._write(kind, _same(kind, key, new), new)

    async def merge(self, kind: str, key: ObjectKey, change: Object) -> Object:
        """Merge `change` into the object; None removes a field."""
        async with self._one_at_a_time:
            resource = self._found(kind, key)
            paused = _only_pauses(change)
            if paused is not None and isinstance(resource, Trigger):
                return await self._pause(resource, paused)
            resource = self._changeable(kind, key, change)
            new = written(merged(dict(resource.written), change))
            spec = change.get("spec", {})
            says_pause = not isinstance(spec, dict) or "paused" in spec
            return await self._write(kind, _same(kind, key, new), new, says_pause=says_pause)

    async def delete(self, kind: str, key: ObjectKey, conditions: Mapping[str, Any]) -> Object:
        """Run the object no more and forget it."""
        async with self._one_at_a_time:
            resource = self._found(kind, key)
            shown = self._shown(resource)
            for name, value in conditions.items():
                if value != shown["metadata"].get(name):
                    raise _conflict(kind, key)
            self._check_is_kept(resource)
            with _keeping(f"{kind} {key}: cannot be removed from", self._kept.folder):
                await asyncio.to_thread(self._kept.remove, kind, key)
                await asyncio.to_thread(self._pauses.forget, str(resource))
            await self._running.take_up()
            return shown

    async def _pause(self, trigger: Resource, paused: bool) -> Object:
        key = ObjectKey(trigger.namespace, trigger.name)
        with _keeping(f"{trigger.kind} {key}: cannot be kept in", self._kept.folder):
            await asyncio.to_thread(self._pauses.say, str(trigger), paused)
        await self._running.take_up()
        return self.get(trigger.kind, key)

    async def _write(
        self, kind: str, key: ObjectKey, obj: Object, *, says_pause: bool = True
    ) -> Object:
        """Keep `obj` and run it. What a verb said of its pause before gives way if `obj` does."""
        obj["apiVersion"] = API_VERSION if kind in CUSTOM_KINDS else "v1"
        obj["kind"] = kind
        obj["metadata"]["namespace"] = key.namespace
        text = await asyncio.to_thread(text_of, obj)
        await asyncio.to_thread(self._check, kind, key, text)
        with _keeping(f"{kind} {key}: cannot be kept in", self._kept.folder):
            await asyncio.to_thread(self._kept.write, kind, key, text)
            if says_pause:
                await asyncio.to_thread(self._pauses.forget, f"{kind} {key}")
        await self._running.take_up()
        return self.get(kind, key)

    def _check(self, kind: str, key: ObjectKey, text: str) -> None:
        """Raise what `tidegate validate` would say. Checks as much as is read: blocks."""
        name = f"{kind} {key}"
        loaded, wrong = load(text)
        others = [one for one in self._running.resources() if str(one) != name]
        between = check([*others, *loaded], known_here())
        problems = [*wrong, *(one for one in between if one.object == name)]
        errors = [_sentence(one) for one in problems if one.severity is Severity.ERROR]
        if errors:
            raise Refused(422, "Invalid", f"{name}: {', and '.join(errors)}", key.name)

    def _changeable(self, kind: str, key: ObjectKey, change: Object) -> Resource:
        """Return the object if it may be changed, and is at the version that `change` names."""
        resource = self._found(kind, key)
        version = change.get("metadata", {}).get("resourceVersion")
        if version and version != str(self._noted(resource).version):
            raise _conflict(kind, key)
        self._check_is_kept(resource)
        return resource

    def _check_is_kept(self, resource: Resource) -> None:
        path = self._kept.path(resource.kind, ObjectKey(resource.namespace, resource.name))
        if Path(resource.origin.file) != path:
            place = f"{resource.origin.file}:{resource.origin.line()}"
            message = f"{resource} is written in {place}; change it there, it is taken up at once"
            raise Refused(403, "Forbidden", message, resource.name)

    def _is_kept(self, resource: Resource) -> bool:
        return Path(resource.origin.file).parent == self._kept.folder

    def _found(self, kind: str, key: ObjectKey) -> Resource:
        resource = self._resource(kind, key)
        if resource is None:
            raise Refused(404, "NotFound", f"there is no {kind} {key}", key.name)
        return resource

    def _resource(self, kind: str, key: ObjectKey) -> Resource | None:
        named = (kind, key.namespace, key.name)
        every = self._running.resources()
        return next((one for one in every if (one.kind, one.namespace, one.name) == named), None)

    def _shown(self, resource: Resource) -> Object:
        noted = self._noted(resource)
        whole = _plain(resource)
        metadata = {
            **whole["metadata"],
            "namespace": resource.namespace,
            "uid": f"{resource.kind.lower()}.{resource.namespace}.{resource.name}",
            "resourceVersion": str(noted.version),
            "generation": noted.generation,
        }
        shown = {**whole, "metadata": metadata}
        if resource.kind in CUSTOM_KINDS:
            noted.status = self._running.status_of(resource, noted.status, noted.generation)
            shown["status"] = noted.status
        return shown

    def _noted(self, resource: Resource) -> _Version:
        name, digest = str(resource), orjson.dumps(_plain(resource), option=orjson.OPT_SORT_KEYS)
        noted = self._versions.get(name)
        if noted is None or noted.digest != digest:
            self._last += 1
            generation = 1 if noted is None else noted.generation + 1
            status = {} if noted is None else noted.status
            noted = self._versions[name] = _Version(digest, self._last, generation, status)
        return noted

    def _forget_gone(self) -> None:
        present = {str(one) for one in self._running.resources()}
        self._versions = {name: one for name, one in self._versions.items() if name in present}


def merged(old: Any, change: Any) -> Any:
    """Return `old` with `change` merged into it, as RFC 7396 has it."""
    if not isinstance(change, dict):
        return change
    base = dict(old) if isinstance(old, dict) else {}
    for name, value in change.items():
        if value is None:
            base.pop(name, None)
        else:
            base[name] = merged(base.get(name), value)
    return base


def _plain(resource: Resource) -> Object:
    """Return the object as it was written, but for what Kubernetes shows otherwise."""
    plain = written(dict(resource.written))
    if isinstance(resource, Secret):
        plain.pop("stringData", None)
        values = {name: base64.b64encode(one).decode() for name, one in resource.values.items()}
        plain |= {"data": values, "type": resource.type}
    if isinstance(resource, Trigger) and resource.spec.paused != plain["spec"].get("paused", False):
        plain["spec"] = {**plain["spec"], "paused": resource.spec.paused}
    return plain


def _key(kind: str, obj: Object, namespace: str) -> ObjectKey:
    metadata = obj.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name or "/" in name:
        raise Refused(422, "Invalid", f"{kind}: metadata.name is missing; give it a name")
    return ObjectKey(namespace, name)


def _same(kind: str, key: ObjectKey, obj: Object) -> ObjectKey:
    if _key(kind, obj, key.namespace) != key:
        raise Refused(400, "BadRequest", f"{kind} {key}: a name cannot be changed; make it anew")
    return key


def _only_pauses(change: Object) -> bool | None:
    """Return what `change` says of pausing, if it says nothing else."""
    spec = change.get("spec")
    if set(change) == {"spec"} and isinstance(spec, dict) and set(spec) == {"paused"}:
        paused = spec["paused"]
        return paused if isinstance(paused, bool) else None
    return None


@contextmanager
def _keeping(what: str, folder: Path) -> Iterator[None]:
    """Say what the file system refuses, after the words `what`."""
    try:
        yield
    except OSError as error:
        message = f"{what} the state folder ({folder}): {error.strerror}; mend it"
        raise Refused(500, "InternalError", message) from error


def _conflict(kind: str, key: ObjectKey) -> Refused:
    return Refused(409, "Conflict", f"{kind} {key} has changed; read it again", key.name)


def _sentence(problem: Problem) -> str:
    field = f"{problem.field}: " if problem.field else ""
    return f"{field}{problem.message}; {problem.fix}"
