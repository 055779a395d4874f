"""The verbs of the API server, on plain dicts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from tidegate.kube.access import Access
from tidegate.kube.call import Call
from tidegate.kube.errors import AnswerTooLarge, Gone, NotLeading
from tidegate.kube.objects import Object, ObjectKey, key_of
from tidegate.kube.resources import Resource
from tidegate.kube.selection import Selection
from tidegate.kube.transport import ClientSettings, Request, Transport
from tidegate.kube.watch import Watch

FIELD_MANAGER = "tidegate"
"""Whose fields applied ones are."""

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


class Page(NamedTuple):
    """Some of the objects of a list, and the version that the whole list has."""

    items: list[Object]
    version: str


class Propagation(StrEnum):
    """What becomes of what a deleted object owns."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(frozen=True, slots=True)
class Deletion:
    """How to delete: only if uid and version are still these, where given."""

    uid: str = ""
    version: str = ""
    propagation: Propagation = Propagation.BACKGROUND

    def options(self) -> Object:
        """Return the `DeleteOptions`."""
        conditions = {"uid": self.uid, "resourceVersion": self.version}
        return {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": self.propagation.value,
            "preconditions": {name: text for name, text in conditions.items() if text},
        }


@asynccontextmanager
async def connected(
    access: Access, settings: ClientSettings | None = None
) -> AsyncIterator[KubeClient]:
    """A client for the length of the block."""
    async with Transport(access, settings or ClientSettings()) as transport:
        yield KubeClient(transport)


@dataclass(frozen=True, slots=True)
class KubeClient:
    """Every call has a deadline and raises `KubeError`; those that write say by which decision.

    `may_write_for` says before each write for how many seconds more it may be made; one that has
    not been answered by then, or may not be made at all, raises `NotLeading`.
    """

    transport: Transport
    may_write_for: Callable[[], float] | None = None

    def fenced(self, may_write_for: Callable[[], float]) -> KubeClient:
        """Return this client, for writes that only the holder of a lease may make."""
        return replace(self, may_write_for=may_write_for)

    async def get(self, resource: Resource, key: ObjectKey, subresource: str = "") -> Object:
        """Return the object, or its subresource."""
        call = _on("get", resource, key, subresource)
        return await self.transport.ask(Request(call, "GET"))

    async def find(self, resource: Resource, key: ObjectKey) -> Object | None:
        """Return the object if it is there. It takes the right to list, as a watch of it does."""
        fields = f"metadata.name={key.name}"
        page = await self.list(Selection(resource, key.namespace, fields=fields))
        return page.items[0] if page.items else None

    async def list(self, selection: Selection) -> Page:
        """Return all objects of `selection` as they were at one moment."""
        items: list[Object] = []
        version = ""
        async for page in self.pages(selection):
            items += page.items
            version = page.version
        return Page(items, version)

    async def pages(self, selection: Selection) -> AsyncGenerator[Page, None]:
        """Yield the objects of `selection` page by page, all as they were at one moment.

        Raises `Gone` when that takes longer than the server keeps that moment: begin again.
        """
        call = selection.call("list")
        limit, token = self.transport.settings.page, ""
        while True:
            params = {**selection.params(), "limit": str(limit)}
            if token:
                params["continue"] = token
            try:
                answer = await self.transport.ask(
                    Request(call, "GET", params, accept=selection.accept("list"))
                )
            except AnswerTooLarge:
                if limit == 1:
                    raise
                limit //= 2
                continue
            metadata = answer["metadata"]
            yield Page(_typed(answer, selection.resource), metadata["resourceVersion"])
            token = metadata.get("continue", "")
            if not token:
                return

    async def version(self, selection: Selection) -> str:
        """Return the version that a list of `selection` would have now, without its objects."""
        params = {**selection.params(), "limit": "1"}
        request = Request(selection.call("list"), "GET", params, accept=selection.accept("list"))
        answer = await self.transport.ask(request)
        version: str = answer["metadata"]["resourceVersion"]
        return version

    @asynccontextmanager
    async def watch(
        self, selection: Selection, version: str, lasts: float = 270.0
    ) -> AsyncIterator[Watch]:
        """Open a watch on what happens after `version`, which the server ends after `lasts`.

        Raises `Gone` when what happened since is not known any more.
        """
        if not version:
            raise Gone(f"{selection.call('watch')}: it needs a version; list first")
        params = {
            **selection.params(),
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(max(1, round(lasts))),
        }
        call = selection.call("watch")
        request = Request(call, "GET", params, accept=selection.accept("watch"))
        async with self.transport.stream(request) as content:
            yield Watch(call, content, self.transport.settings.silence, lasts)

    async def create(self, resource: Resource, obj: Object, subresource: str = "") -> Object:
        """Make the object, or ask its subresource for what `obj` says. Raises `AlreadyExists`."""
        metadata = obj["metadata"]
        name = metadata["name"] if subresource else ""
        call = Call("create", resource, metadata.get("namespace", ""), name, subresource)
        return await self._write(Request(call, "POST", _MANAGED, _whole(resource, obj)))

    async def update(self, resource: Resource, obj: Object, subresource: str = "") -> Object:
        """Replace the object. Raises `Conflict` when it is not at the version that `obj` has."""
        call = _on("update", resource, key_of(obj), subresource)
        return await self._write(Request(call, "PUT", _MANAGED, _whole(resource, obj)))

    async def apply(
        self,
        resource: Resource,
        obj: Object,
        *,
        force: bool = False,
        subresource: str = "",
        manager: str = FIELD_MANAGER,
    ) -> Object:
        """Make the fields of `obj` so, and forget those that we applied before and it has not.

        Raises `ApplyConflict` when others own some, unless `force` takes them over. Under another
        `manager` it is another's fields that are meant.
        """
        call = _on("patch", resource, key_of(obj), subresource)
        params = {"fieldManager": manager, "force": "true" if force else "false"}
        request = Request(call, "PATCH", params, _whole(resource, obj), _APPLY)
        return await self._write(request)

    async def patch(
        self, resource: Resource, key: ObjectKey, change: Object, subresource: str = ""
    ) -> Object:
        """Merge `change` into the object; None removes a field.

        Raises `Conflict` when `change` has a resource version that is not the object's.
        """
        call = _on("patch", resource, key, subresource)
        return await self._write(Request(call, "PATCH", _MANAGED, change, _MERGE))

    async def patch_status(self, resource: Resource, key: ObjectKey, status: Object) -> Object:
        """Merge `status` into the object's."""
        return await self.patch(resource, key, {"status": status}, "status")

    async def delete(
        self, resource: Resource, key: ObjectKey, deletion: Deletion | None = None
    ) -> None:
        """Delete the object, or begin to. Raises `Conflict` when it is not the one meant."""
        call = _on("delete", resource, key, "")
        options = (deletion or Deletion()).options()
        await self._write(Request(call, "DELETE", body=options))

    async def _write(self, request: Request) -> Object:
        if self.may_write_for is None:
            return await self.transport.ask(request)
        left = self.may_write_for()
        if left <= 0:
            raise NotLeading(f"{request.call}: another replica may lead now; held back")
        try:
            # A process that was stopped goes on where it was, and that may be before the sending.
            async with asyncio.timeout(left):
                return await self.transport.ask(request)
        except TimeoutError as error:
            reason = "no answer before another replica may lead"
            raise NotLeading(f"{request.call}: {reason}; given up") from error


_MANAGED = {"fieldManager": FIELD_MANAGER}


def _on(verb: str, resource: Resource, key: ObjectKey, subresource: str) -> Call:
    return Call(verb, resource, key.namespace, key.name, subresource)


def _whole(resource: Resource, obj: Object) -> Object:
    # What a subresource takes may be of a kind of its own, such as a TokenRequest.
    return {"apiVersion": resource.api_version, "kind": resource.kind, **obj}


def _typed(answer: Object, resource: Resource) -> list[Object]:
    # The items of a list say of themselves neither kind nor version; those of a watch do.
    items: list[Object] = answer.get("items") or []
    for item in items:
        item.setdefault("apiVersion", resource.api_version)
        item.setdefault("kind", resource.kind)
    return items
