"""Parked events are tried again when their function was changed and the new version is there."""

from __future__ import annotations

from collections.abc import Callable

from gateway.cluster.kinds import FUNCTION
from gateway.http.endpoints import Address, Endpoints, FunctionKey
from tidegate.kube.objects import Object
from tidegate.kube.store import Change, Delta


class Mended:
    """Calls `resume` for a changed function once none of the old version's pods take calls."""

    def __init__(self, endpoints: Endpoints, resume: Callable[[FunctionKey], None]) -> None:
        self._endpoints = endpoints
        self._resume = resume
        self._old: dict[FunctionKey, frozenset[Address]] = {}

    def note(self, delta: Delta) -> None:
        """Take note of what became of an object."""
        if (delta.new or delta.old or {})["kind"] != FUNCTION:
            return
        key = (delta.key.namespace, delta.key.name)
        if delta.change is Change.CHANGED and _generation(delta.old) != _generation(delta.new):
            old = self._old.get(key, frozenset())
            self._old[key] = old | frozenset(self._endpoints.ready(key))
        elif delta.change is Change.DELETED:
            self._old.pop(key, None)

    def look(self, key: FunctionKey) -> None:
        """See whether the pods of `key` have all been replaced."""
        ready = frozenset(self._endpoints.ready(key))
        if key in self._old and ready and not ready & self._old[key]:
            del self._old[key]
            self._resume(key)


def _generation(obj: Object | None) -> object:
    return (obj or {})["metadata"].get("generation")
