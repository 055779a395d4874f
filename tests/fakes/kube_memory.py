"""A Kubernetes API server in memory, for where no real one can be built.

It speaks HTTP and keeps what the contract tests in `tests/conformance/kube` ask of it; these run
against the real server too. It checks no schemas, defaults nothing and admits everything.
"""

from __future__ import annotations

import asyncio
import json
import random
import string
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.kube_ownership import Writer
from tests.fakes.kube_selectors import matcher
from tests.fakes.kube_server import ADMIN, STRANGER
from tests.fakes.kube_storage import Event, Refused, Storage, Where
from tests.support.http_servers import serving
from tidegate.kube import resources
from tidegate.kube.access import Access, StaticToken
from tidegate.kube.objects import Object
from tidegate.kube.resources import Resource

_USERS = {ADMIN: "admin", STRANGER: "stranger"}
_WITH_STATUS = frozenset(
    {
        resources.CRON_JOBS,
        resources.DEPLOYMENTS,
        resources.HORIZONTAL_POD_AUTOSCALERS,
        resources.INGRESSES,
        resources.NAMESPACES,
        resources.PODS,
        resources.POD_DISRUPTION_BUDGETS,
        resources.SERVICES,
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about."""

    resource: Resource
    namespace: str
    name: str
    subresource: str

    @property
    def where(self) -> Where:
        """The place of the one object."""
        return Where(self.resource, self.namespace, self.name)


class KubeMemory:
    """One API server. Its users are those of the real one in tests."""

    def __init__(self, bookmarks: float = 0.2) -> None:
        self.storage = Storage()
        self.url = ""
        self.bookmarks = bookmarks
        self._watchers: set[asyncio.Transport] = set()
        self._served = {_group_key(one): one for one in resources.BUILT_IN}
        self._with_status = set(_WITH_STATUS)
        self._news = asyncio.Event()
        for name in ("default", "kube-system"):
            where = Where(resources.NAMESPACES, "", name)
            self.storage.create(where, _namespace(name), Writer("kube-apiserver", False))

    def access(self, token: str = ADMIN) -> Access:
        """How to reach it with a token."""
        return Access(self.url, tokens=StaticToken(token))

    def serve(self, resource: Resource) -> None:
        """Serve one more resource, with a status, as if its definition were installed."""
        self._served[_group_key(resource)] = resource
        self._with_status.add(resource)

    def cut(self) -> None:
        """Break all watches, as a restart does."""
        for transport in self._watchers:
            transport.abort()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve at `url` for the length of the block."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        async with serving(app) as self.url:
            yield

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._served_answer(request)
        except Refused as refused:
            return _json(refused.status, refused.code)

    async def _served_answer(self, request: web.Request) -> web.StreamResponse:
        target = self._target(request)
        if target is None:
            return web.Response(status=404, text="404 page not found\n")
        _authorize(request, target)
        if request.method == "GET" and not target.name:
            if request.query.get("watch") in ("1", "true"):
                return await self._watch(request, target)
            return _json(self._list(request, target))
        write = _METHODS.get((request.method, bool(target.name)))
        if write is None:
            raise Refused(405, "MethodNotAllowed", "not supported")
        answer = await write(self, request, target)
        self._tell()
        return _json(answer, 201 if request.method == "POST" else 200)

    def _target(self, request: web.Request) -> Target | None:
        parts = request.url.raw_path.strip("/").split("/")
        group, version, rest = (
            ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
        )
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        resource = self._served.get((group, version, rest[0]))
        if resource is None or len(rest) > 3:
            return None
        name, subresource = (*rest[1:], "", "")[:2]
        if subresource and (subresource != "status" or resource not in self._with_status):
            return None
        return Target(resource, namespace, name, subresource)

    def _list(self, request: web.Request, target: Target) -> Object:
        token = json.loads(request.query.get("continue", "{}"))
        if token and token["revision"] < self.storage.oldest:
            raise Refused(410, "Expired", "the continue token is too old")
        revision = token.get("revision", self.storage.revision)
        matches = _matcher(request)
        items = [
            one for one in self.storage.select(target.resource, target.namespace) if matches(one)
        ]
        start, limit = token.get("start", 0), int(request.query.get("limit") or len(items) or 1)
        metadata: Object = {"resourceVersion": str(revision)}
        if start + limit < len(items):
            metadata["continue"] = json.dumps({"revision": revision, "start": start + limit})
        for item in items:
            del item["apiVersion"], item["kind"]
        return {
            "kind": f"{target.resource.kind}List",
            "apiVersion": target.resource.api_version,
            "metadata": metadata,
            "items": items[start : start + limit],
        }

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        if int(request.query["resourceVersion"]) < self.storage.oldest:
            raise Refused(410, "Expired", "too old resource version")
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        assert request.transport is not None
        self._watchers.add(request.transport)
        with suppress(ConnectionError):
            await self._follow(request, target, response)
        self._watchers.discard(request.transport)
        return response

    async def _follow(
        self, request: web.Request, target: Target, response: web.StreamResponse
    ) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + float(request.query.get("timeoutSeconds") or 1800)
        position = int(request.query["resourceVersion"])
        matches = _matcher(request)
        while loop.time() < ends:
            events = [one for one in self.storage.history if one.revision > position]
            for event in events:
                position = event.revision
                if _concerns(event, target):
                    await _send(response, _told(event, matches))
            if events or await self._waited(min(ends - loop.time(), self.bookmarks)):
                continue
            # After a restore from a backup a watcher may be ahead of us; it is told nothing.
            if position <= self.storage.revision:
                await _send(response, ("BOOKMARK", _bookmark(target.resource, position)))

    async def _waited(self, longest: float) -> bool:
        try:
            async with asyncio.timeout(longest):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _get(self, _: web.Request, target: Target) -> Object:
        return self.storage.get(target.where)

    async def _create(self, request: web.Request, target: Target) -> Object:
        obj = await _body(request, target.resource)
        namespace = Where(resources.NAMESPACES, "", target.namespace)
        if target.resource.namespaced and not self.storage.has(namespace):
            message = f'namespaces "{target.namespace}" not found'
            raise Refused(404, "NotFound", message, name=target.namespace, kind="namespaces")
        name = obj["metadata"].get("name") or _generated(obj)
        if target.resource in self._with_status:
            obj.pop("status", None)
        created = self.storage.create(
            Where(target.resource, target.namespace, name), obj, _writer(request, applies=False)
        )
        if target.resource == resources.CUSTOM_RESOURCE_DEFINITIONS:
            self._define(created)
        return created

    async def _update(self, request: web.Request, target: Target) -> Object:
        obj = await _body(request, target.resource)
        return self._stored(request, target, obj)

    async def _patch(self, request: web.Request, target: Target) -> Object:
        if request.content_type == "application/apply-patch+yaml":
            return await self._apply(request, target)
        if request.content_type != "application/merge-patch+json":
            raise Refused(415, "UnsupportedMediaType", "send a merge patch or an apply patch")
        change = json.loads(await request.read())
        new = _merged(self.storage.get(target.where), change)
        if "resourceVersion" not in change.get("metadata", {}):
            del new["metadata"]["resourceVersion"]
        return self._stored(request, target, new)

    async def _apply(self, request: web.Request, target: Target) -> Object:
        obj = await _body(request, target.resource)
        if target.resource in self._with_status:
            obj = _of_endpoint(obj, target)
        return self.storage.apply(
            target.where,
            obj,
            _writer(request, applies=True),
            force=request.query.get("force") == "true",
        )

    def _stored(self, request: web.Request, target: Target, obj: Object) -> Object:
        """Store `obj`, of which the status endpoint takes the status, and the other the rest."""
        if target.resource in self._with_status:
            old = self.storage.get(target.where)
            version = obj["metadata"].get("resourceVersion")
            taken, kept = (obj, old) if target.subresource else (old, obj)
            obj = {**kept, "status": taken["status"]} if "status" in taken else _bare(kept)
            obj["metadata"] = {**obj["metadata"], "resourceVersion": version}
        return self.storage.update(target.where, obj, _writer(request, applies=False))

    async def _delete(self, request: web.Request, target: Target) -> Object:
        body = await request.read()
        options = json.loads(body) if body else {}
        return self.storage.delete(target.where, options)

    def _define(self, definition: Object) -> None:
        spec = definition["spec"]
        for version in spec["versions"]:
            names = spec["names"]
            namespaced = spec["scope"] == "Namespaced"
            resource = Resource(
                spec["group"], version["name"], names["plural"], names["kind"], namespaced
            )
            self._served[_group_key(resource)] = resource
            if "status" in version.get("subresources", {}):
                self._with_status.add(resource)


_Method = Callable[[KubeMemory, web.Request, Target], Awaitable[Object]]
_METHODS: dict[tuple[str, bool], _Method] = {
    ("GET", True): KubeMemory._get,
    ("POST", False): KubeMemory._create,
    ("PUT", True): KubeMemory._update,
    ("PATCH", True): KubeMemory._patch,
    ("DELETE", True): KubeMemory._delete,
}
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def _authorize(request: web.Request, target: Target) -> None:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    user = _USERS.get(token)
    if user is None:
        raise Refused(401, "Unauthorized", "Unauthorized")
    if token == ADMIN:
        return
    verb = _VERBS[request.method]
    if verb == "get" and not target.name:
        verb = "watch" if request.query.get("watch") else "list"
    resource = "/".join(part for part in (target.resource.plural, target.subresource) if part)
    raise Refused(
        403,
        "Forbidden",
        f'{resource} is forbidden: User "{user}" cannot {verb} resource "{resource}"'
        f' in API group "{target.resource.group}"',
        name=target.name,
    )


async def _body(request: web.Request, resource: Resource) -> Object:
    obj: Object = json.loads(await request.read())
    obj.setdefault("apiVersion", resource.api_version)
    obj.setdefault("kind", resource.kind)
    obj.setdefault("metadata", {}).pop("managedFields", None)
    return obj


def _writer(request: web.Request, *, applies: bool) -> Writer:
    return Writer(request.query.get("fieldManager", "unknown"), applies)


def _matcher(request: web.Request) -> Callable[[Object], bool]:
    query = request.query
    return matcher(query.get("labelSelector", ""), query.get("fieldSelector", ""))


def _concerns(event: Event, target: Target) -> bool:
    namespace = event.last["metadata"].get("namespace", "")
    return event.resource == target.resource and target.namespace in ("", namespace)


def _told(event: Event, matches: Callable[[Object], bool]) -> tuple[str, Object] | None:
    before = event.old is not None and matches(event.old)
    after = event.new is not None and matches(event.new)
    if before and after:
        return "MODIFIED", event.last
    if after:
        return "ADDED", event.last
    return ("DELETED", event.last) if before else None


async def _send(response: web.StreamResponse, told: tuple[str, Object] | None) -> None:
    if told is not None:
        line = json.dumps({"type": told[0], "object": told[1]})
        await response.write(line.encode() + b"\n")


def _bookmark(resource: Resource, revision: int) -> Object:
    return {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": {"resourceVersion": str(revision)},
    }


def _merged(old: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    new = dict(old) if isinstance(old, dict) else {}
    for name, value in change.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = _merged(new.get(name), value)
    return new


def _of_endpoint(obj: Object, target: Target) -> Object:
    """Return what the status endpoint takes of `obj`, or the other one."""
    identity = ("apiVersion", "kind", "metadata")
    if target.subresource:
        return {name: obj[name] for name in (*identity, "status") if name in obj}
    return _bare(obj)


def _bare(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name != "status"}


def _generated(obj: Object) -> str:
    ending = "".join(random.choices(string.ascii_lowercase, k=5))
    return str(obj["metadata"].get("generateName", "")) + ending


def _group_key(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.plural


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _json(obj: Object, code: int = 200) -> web.Response:
    return web.json_response(obj, status=code)
