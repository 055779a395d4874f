"""What the controllers watch, each selection once, and whom a change concerns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from controllers.core.workqueue import WorkQueue
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import KubeError, NotServed
from tidegate.kube.objects import Object, ObjectKey, key_of, lean
from tidegate.kube.reflector import Reflector, ReflectorSettings
from tidegate.kube.selection import Selection
from tidegate.kube.store import Delta, Store

_INSTALLED = 300.0
"""Seconds between two looks whether an optional resource is served by now."""

Mapper = Callable[[Object], Iterable[ObjectKey]]
"""From an object that changed to the keys that are to be looked at."""

Keep = Callable[[Object], Object]


class Watches:
    """Reflectors that run together, one for each selection that anybody asks for."""

    def __init__(self, client: KubeClient, settings: ReflectorSettings | None = None) -> None:
        self._client = client
        self._settings = settings
        self._reflectors: dict[Selection, Reflector] = {}
        self._optional: set[Selection] = set()

    @property
    def reflectors(self) -> Mapping[Selection, Reflector]:
        """All of them."""
        return self._reflectors

    def optional(self, selection: Selection, keep: Keep = lean) -> Reflector:
        """Return that of `selection`, whose resource the cluster may not serve, or not yet."""
        self._optional.add(selection)
        return self.reflector(selection, keep)

    def reflector(self, selection: Selection, keep: Keep = lean) -> Reflector:
        """Return that of `selection`; ask before `run`. Who asks first says what to keep."""
        if selection not in self._reflectors:
            made = Reflector(self._client, selection, self._settings, keep)
            self._reflectors[selection] = made
        return self._reflectors[selection]

    def store(self, selection: Selection, keep: Keep = lean) -> Store:
        """Return the store of that reflector."""
        return self.reflector(selection, keep).store

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for selection, reflector in self._reflectors.items():
                group.create_task(self._run(selection, reflector), name=f"watch of {selection}")

    def missing(self) -> list[str]:
        """Say what is not known yet and why. What the cluster does not serve is not missed."""
        return [
            f"{selection}: {reflector.trouble or 'not listed yet'}"
            for selection, reflector in self._reflectors.items()
            if not reflector.synced.is_set()
            and selection not in self._optional
            and not isinstance(reflector.trouble, NotServed)
        ]

    def standing(self) -> dict[str, bool]:
        """Return by resource whether what is known is up to date."""
        up: dict[str, bool] = {}
        for selection, reflector in self._reflectors.items():
            synced, name = reflector.synced.is_set(), selection.resource.full_name
            if synced or selection not in self._optional:
                up[name] = up.get(name, True) and synced and reflector.trouble is None
        return up

    async def synced(self, selections: Iterable[Selection]) -> None:
        """Return when the stores of `selections` have been right once, but for optional ones."""
        for selection in selections:
            if selection not in self._optional:
                await self._reflectors[selection].synced.wait()

    async def _run(self, selection: Selection, reflector: Reflector) -> None:
        if selection in self._optional:
            await self._served(selection)
        await reflector.run()

    async def _served(self, selection: Selection) -> None:
        """Return when the cluster serves it; a reflector would complain of what nobody misses."""
        while True:
            try:
                await self._client.version(selection)
            except NotServed:
                await asyncio.sleep(_INSTALLED)
            except KubeError:
                return  # the reflector says what is wrong
            else:
                return


@dataclass(slots=True)
class Feed:
    """Which keys a controller shall look at. It goes on while no controller runs, to no effect."""

    mappers: dict[Selection, Mapper] = field(default_factory=dict)
    queue: WorkQueue | None = None

    def follow(self, watches: Watches, selection: Selection, mapper: Mapper) -> None:
        """Have what changes in `selection` looked at; ask the reflector for it first."""
        self.mappers[selection] = mapper

        def listener(delta: Delta) -> None:
            for obj in (delta.old, delta.new):
                self._add(obj, mapper)

        watches.reflector(selection).subscribe(listener)

    def open(self, watches: Watches, queue: WorkQueue) -> None:
        """Fill `queue` with all there is, and with what changes from now on."""
        self.queue = queue
        for selection, mapper in self.mappers.items():
            for obj in watches.store(selection).values():
                self._add(obj, mapper)

    def revisit(self, watches: Watches, selection: Selection, spread: float) -> None:
        """Have all of `selection` looked at again, within `spread` seconds."""
        if self.queue is not None:
            for obj in watches.store(selection).values():
                for key in self.mappers[selection](obj):
                    self.queue.add_after(key, random.uniform(0, spread))

    def add(self, key: ObjectKey) -> None:
        """Have `key` looked at."""
        if self.queue is not None:
            self.queue.add(key)

    def close(self) -> None:
        """Fill nothing any more."""
        self.queue = None

    def _add(self, obj: Object | None, mapper: Mapper) -> None:
        if self.queue is not None and obj is not None:
            for key in mapper(obj):
                self.queue.add(key)


def itself(obj: Object) -> Iterable[ObjectKey]:
    """Map an object to its own key."""
    return (key_of(obj),)


def owner_of_kind(kind: str) -> Mapper:
    """Return what maps a child to the objects of `kind` that own it."""

    def owners(child: Object) -> Iterable[ObjectKey]:
        metadata = child["metadata"]
        return [
            ObjectKey(metadata.get("namespace", ""), each["name"])
            for each in metadata.get("ownerReferences") or []
            if each.get("kind") == kind
        ]

    return owners
