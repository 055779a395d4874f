"""What the pods of a function print: now, or from now on, across their replacement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tidegate.cli.place.together import tasks
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Gone, Invalid, KubeError, NotFound, Unavailable
from tidegate.kube.objects import Object, ObjectKey, key_of
from tidegate.kube.pods import log_lines, pods
from tidegate.kube.resources import PODS
from tidegate.kube.selection import Selection

MOST_WAITING = 1_000
"""Lines that are read and not yet shown; then reading waits."""

BREATH = 0.5
"""Between two watches: one that ends at once must not become a loop. Seconds."""


def labels_of(function: str) -> str:
    """Return the selector of a function's pods."""
    return f"created-by=kubeless,function={function}"


async def printed(client: KubeClient, key: ObjectKey, lines: int) -> AsyncIterator[str]:
    """Yield the last lines of each pod. Raises `Invalid` when no pod has begun to print."""
    waiting = ""
    begun = False
    for pod in await pods(client, key.namespace, labels_of(key.name)):
        params = {"container": key.name, "tailLines": str(lines)}
        try:
            async for line in log_lines(client, key_of(pod), params):
                yield line.decode("utf-8", "replace")
            begun = True
        except NotFound:
            continue  # it went meanwhile
        except Invalid as error:
            waiting = str(error)
    if not begun:
        why = waiting or "it has no pods; look with: tidegate function describe"
        raise Invalid(f"reading the log of {key.name}: {why}")


@asynccontextmanager
async def following(
    client: KubeClient, key: ObjectKey, lines: int
) -> AsyncIterator[asyncio.Queue[str]]:
    """What all pods print, those that come later too, for the length of the block.

    Raises `KubeError` when pods may not be listed or watched.
    """
    queue: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
    async with tasks() as group:
        follower = _Follower(client, key, queue, group)
        watching = group.create_task(follower.watch(lines), name=f"pods of {key}")
        try:
            yield queue
        finally:
            watching.cancel()
            follower.end()


@dataclass(slots=True)
class _Follower:
    client: KubeClient
    key: ObjectKey
    queue: asyncio.Queue[str]
    group: asyncio.TaskGroup
    readers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """By what a container is called that began once: no other start has that name."""

    async def watch(self, lines: int) -> None:
        """Read each container that begins; of those that run already the last `lines`."""
        chosen = Selection(PODS, self.key.namespace, labels_of(self.key.name))
        while True:
            page = await self.client.list(chosen)
            for pod in page.items:
                self._read(pod, lines)
            with suppress(Gone, Unavailable):  # then they are listed anew
                async with self.client.watch(chosen, page.version) as watch:
                    async for event in watch:
                        if event.type in ("ADDED", "MODIFIED"):
                            self._read(event.object, None)
                        elif event.type == "DELETED":
                            self._forget(event.object)
            await asyncio.sleep(BREATH)

    def end(self) -> None:
        """Read no more."""
        for task in self.readers.values():
            task.cancel()

    def _read(self, pod: Object, lines: int | None) -> None:
        start = _start(pod, self.key.name)
        if start and start not in self.readers:
            reading = self._pass_on(key_of(pod), lines)
            self.readers[start] = self.group.create_task(reading, name=f"log of {start}")

    def _forget(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        for start in [one for one in self.readers if one.startswith(f"{name}/")]:
            if self.readers[start].done():
                del self.readers[start]

    async def _pass_on(self, pod: ObjectKey, lines: int | None) -> None:
        params = {"container": self.key.name, "follow": "true"}
        if lines is not None:
            params["tailLines"] = str(lines)
        with suppress(KubeError):  # it went; what comes after it is seen by the watch
            async for line in log_lines(self.client, pod, params):
                await self.queue.put(line.decode("utf-8", "replace"))


def _start(pod: Object, container: str) -> str:
    """Return a name for this start of the container; empty while it has not begun."""
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    for one in status.get("containerStatuses") or ():
        if one["name"] == container:
            began = {"running", "terminated"} & set(one.get("state") or {})
            return f"{name}/{one.get('restartCount', 0)}" if began else ""
    return f"{name}/0" if status.get("phase") == "Running" else ""
