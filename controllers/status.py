"""What the status of objects says, and how it is changed: only when it says something else."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey, key_of, version_of
from tidegate.kube.resources import Resource


class _Written(NamedTuple):
    base: str
    """The version of the object that the status was written on."""
    status: Object


class StatusBoard:
    """The status of all objects of one resource, of which we are the one writer.

    What was just written is known here before the watch brings it back, so that nothing is
    written, or told as news, twice.
    """

    def __init__(self, client: KubeClient, resource: Resource) -> None:
        self._client = client
        self._resource = resource
        self._written: dict[ObjectKey, _Written] = {}

    def status_of(self, obj: Object) -> Object:
        """Return what the status of `obj` says now, as far as we know."""
        written = self._written.get(key_of(obj))
        if written is not None and written.base == version_of(obj):
            return written.status
        self.forget(key_of(obj))
        return obj.get("status") or {}

    async def write(self, obj: Object, status: Object) -> bool:
        """Make `status` that of `obj`; return whether it was another. Raises `KubeError`."""
        before = self.status_of(obj)
        if before == status:
            return False
        change = {**dict.fromkeys(before.keys() - status.keys()), **status}
        await self._client.patch_status(self._resource, key_of(obj), change)
        self._written[key_of(obj)] = _Written(version_of(obj), status)
        return True

    def forget(self, key: ObjectKey) -> None:
        """Drop what is known of an object that is gone."""
        self._written.pop(key, None)
