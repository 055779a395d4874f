"""A store kept equal to what the API server has, through everything that befalls a watch.

```
  list ──> watch ── ended by the server ─────> watch from the last version
    ^        │ └── broken, silent, refused ──> wait, look whether the server is behind us,
    │        │                                 watch from the last version
    └────────┴──── version gone ─────────────> list anew and tell the difference
```

While the API server is away the store stays as it is. Two rounds follow each other at once only if
the first one lasted; otherwise a growing wait lies between them, whatever the reason was, so there
is no way to be in a hot loop.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from tidegate.kube.backoff import Backoff
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Forbidden, Gone, KubeError, Silent, Unauthorized, Unavailable
from tidegate.kube.objects import Object, ObjectKey, key_of, lean, version_of
from tidegate.kube.selection import Selection
from tidegate.kube.store import Delta, Store
from tidegate.kube.watch import EventType, WatchEvent

logger = logging.getLogger(__name__)

Listener = Callable[[Delta], None]


@dataclass(frozen=True, slots=True)
class ReflectorSettings:
    """How a reflector deals with time."""

    watch: float = 270.0
    """How long the server shall keep one watch; each is up to a tenth shorter, so that the many
    watches of a cluster do not end together."""

    steady: float = 10.0
    """A round that lasted so long was a success: the next one follows at once."""

    first_wait: float = 0.25
    longest_wait: float = 20.0
    """Bounds of the wait between rounds that fail; the longest is how late we may notice that the
    API server is back."""


@dataclass(slots=True)
class Counts:
    """What a reflector has asked for and got, since it was made."""

    lists: int = 0
    watches: int = 0
    events: int = 0
    bookmarks: int = 0
    failures: int = 0


class Reflector:
    """Keeps `store` equal to what the API server has of `selection`, while `run` runs.

    `keep` trims each object before it is stored; it may return the one that it is given. It must
    leave name, namespace, uid and resource version.
    """

    def __init__(
        self,
        client: KubeClient,
        selection: Selection,
        settings: ReflectorSettings | None = None,
        keep: Callable[[Object], Object] = lean,
    ) -> None:
        self.store = Store()
        self.synced = asyncio.Event()
        """Set once the store has been equal to what the API server had."""

        self.counts = Counts()
        self.trouble: KubeError | None = None
        """Why the store may be out of date; None while a watch stands."""

        self._client = client
        self._selection = selection
        self._settings = settings or ReflectorSettings()
        self._keep = keep
        self._version = ""
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Tell `listener` of all there is, as added, and of every change from now on.

        It is called in the loop, after the store has changed, and must neither block nor raise.
        """
        self._listeners.append(listener)
        empty = Store()
        for obj in self.store.values():
            for delta in empty.put(obj):
                listener(delta)

    async def run(self) -> NoReturn:
        """List and watch until cancelled. No error of the API server ends it."""
        settings = self._settings
        loop = asyncio.get_running_loop()
        backoff = Backoff(settings.first_wait, settings.longest_wait)
        while True:
            began = loop.time()
            trouble = await self._round()
            if loop.time() - began >= settings.steady:
                backoff.reset()
                if trouble is None or isinstance(trouble, Gone | Silent):
                    continue
            asked = trouble.retry_after if isinstance(trouble, Unavailable) else None
            await asyncio.sleep(backoff.wait(asked))

    async def _round(self) -> KubeError | None:
        try:
            if not self._version:
                await self._list()
            elif self.trouble is not None:
                self._check_order(await self._client.version(self._selection))
            await self._watch()
        except KubeError as error:
            if isinstance(error, Gone):
                self._version = ""
            self._failed(error)
            return error
        return None

    async def _list(self) -> None:
        self.counts.lists += 1
        listed: dict[ObjectKey, Object] = {}
        version = ""
        async for page in self._client.pages(self._selection):
            version = page.version
            for item in page.items:
                obj = self.store.known(item)
                listed[key_of(item)] = self._keep(item) if obj is item else obj
        self._tell(self.store.replace(listed))
        self._version = version
        self.synced.set()

    def _check_order(self, version: str) -> None:
        """Raise `Gone` when the server's `version` is before ours: it was restored from a backup.

        A watch from a version that is yet to come would be silent, and no error.
        """
        if version.isdecimal() and self._version.isdecimal() and int(version) < int(self._version):
            raise Gone(f"{self._selection}: the server went back to an earlier state; list again")

    async def _watch(self) -> None:
        self.counts.watches += 1
        lasts = self._settings.watch * random.uniform(0.9, 1.0)
        loop = asyncio.get_running_loop()
        began, heard = loop.time(), self._heard()
        async with self._client.watch(self._selection, self._version, lasts) as watch:
            self._recovered()
            async for event in watch:
                self._take(event)
        if self._heard() == heard and loop.time() - began < self._settings.steady:
            raise Unavailable(f"{self._selection}: the watch ended as soon as it began")

    def _heard(self) -> int:
        return self.counts.events + self.counts.bookmarks

    def _take(self, event: WatchEvent) -> None:
        version = version_of(event.object)
        self._check_order(version)
        self._version = version
        if event.type is EventType.BOOKMARK:
            self.counts.bookmarks += 1
            return
        self.counts.events += 1
        if event.type is EventType.DELETED:
            self._tell(self.store.remove(key_of(event.object)))
        else:
            self._tell(self.store.put(self._keep(event.object)))

    def _tell(self, deltas: list[Delta]) -> None:
        for delta in deltas:
            for listener in self._listeners:
                listener(delta)

    def _failed(self, error: KubeError) -> None:
        self.counts.failures += 1
        first, self.trouble = type(error) is not type(self.trouble), error
        if isinstance(error, Gone | Silent):
            logger.debug("%s: %s", self._selection, error)
        elif isinstance(error, Forbidden | Unauthorized) and first:
            logger.error("%s: cannot be watched: %s", self._selection, error)
        elif first:
            logger.warning(
                "%s: going on with the %d known: %s", self._selection, len(self.store), error
            )

    def _recovered(self) -> None:
        if self.trouble is not None and not isinstance(self.trouble, Gone | Silent):
            logger.info("%s: watching again, %d known", self._selection, len(self.store))
        self.trouble = None
