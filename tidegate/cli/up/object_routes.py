"""The objects over HTTP, in the shape of an API server: below `/control`, guarded as all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from tidegate.api.kinds import CORE_KINDS, CUSTOM_KINDS
from tidegate.api.metadata import API_VERSION
from tidegate.cli.up.bell import Bell
from tidegate.cli.up.objects import KINDS, LaptopObjects, Refused
from tidegate.cli.up.selectors import accepts, accepts_fields
from tidegate.kube.objects import Object, ObjectKey

LOOK = 1.0
"""Longest wait of a watch between two looks: not every change of a status rings. Seconds."""

LONGEST_WATCH = 600.0

LARGEST = 2 * 1024 * 1024
"""Bytes of an object in JSON: twice what is read of it in YAML, which is what is kept."""

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ObjectRoutes:
    """Lists, reads, makes, changes, removes and watches objects."""

    def __init__(self, objects: LaptopObjects, news: Bell) -> None:
        self._objects = objects
        self._news = news
        self._watchers: set[asyncio.Task[Any]] = set()

    def extend(self, application: web.Application) -> None:
        """Add the routes."""
        for prefix, kinds in ((f"/apis/{API_VERSION}", CUSTOM_KINDS), ("/api/v1", CORE_KINDS)):
            plural = "{plural:" + "|".join(f"{kind.lower()}s" for kind in kinds) + "}"
            inside = f"{prefix}/namespaces/{{namespace}}/{plural}"
            router = application.router
            router.add_get(f"{prefix}/{plural}", _saying(self._list))
            router.add_get(inside, _saying(self._list))
            router.add_post(inside, _saying(self._create))
            router.add_get(f"{inside}/{{name}}", _saying(self._get))
            router.add_put(f"{inside}/{{name}}", _saying(self._replace))
            router.add_patch(f"{inside}/{{name}}", _saying(self._merge))
            router.add_delete(f"{inside}/{{name}}", _saying(self._delete))
        application.on_shutdown.append(self._end_watchers)

    async def _end_watchers(self, _: web.Application) -> None:
        for task in self._watchers:
            task.cancel()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") in ("1", "true"):
            return await self._watch(request)
        kind = _kind(request)
        version = API_VERSION if kind in CUSTOM_KINDS else "v1"
        items = self._selected(request)
        metadata = {"resourceVersion": self._objects.version}
        whole = {"apiVersion": version, "kind": f"{kind}List", "metadata": metadata}
        return _json({**whole, "items": items})

    def _selected(self, request: web.Request) -> list[Object]:
        query = request.query
        labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
        try:
            return [
                one
                for one in self._objects.list(
                    _kind(request), request.match_info.get("namespace", "")
                )
                if accepts(labels, one["metadata"].get("labels") or {})
                and accepts_fields(fields, one)
            ]
        except ValueError as error:
            raise Refused(400, "BadRequest", str(error)) from error

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return _json(self._objects.get(_kind(request), _key(request)))

    async def _create(self, request: web.Request) -> web.StreamResponse:
        namespace = request.match_info["namespace"]
        made = await self._objects.create(_kind(request), namespace, await _body(request))
        return _json(made, 201)

    async def _replace(self, request: web.Request) -> web.StreamResponse:
        return _json(
            await self._objects.replace(_kind(request), _key(request), await _body(request))
        )

    async def _merge(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/merge-patch+json":
            message = f"patches are application/merge-patch+json here, not {request.content_type}"
            raise Refused(415, "UnsupportedMediaType", message)
        return _json(await self._objects.merge(_kind(request), _key(request), await _body(request)))

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        options = await _body(request) if request.can_read_body else {}
        conditions = options.get("preconditions") or {}
        if not isinstance(conditions, dict):
            raise Refused(400, "BadRequest", "preconditions: is no JSON object")
        return _json(await self._objects.delete(_kind(request), _key(request), conditions))

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        """Stream what changes, beginning with what is there."""
        text = request.query.get("timeoutSeconds", "")
        lasts = min(float(text) if text.isdecimal() else LONGEST_WATCH, LONGEST_WATCH)
        self._selected(request)  # what is refused is so before the answer begins
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._watchers.add(task)
        try:
            async with asyncio.timeout(lasts):
                await self._follow(request, response)
        except (TimeoutError, ConnectionError):
            pass  # it lasted as long as it should, or the reader left
        finally:
            self._watchers.discard(task)
        return response

    async def _follow(self, request: web.Request, response: web.StreamResponse) -> None:
        seen: dict[str, Object] = {}
        while True:
            now = {one["metadata"]["uid"]: one for one in self._selected(request)}
            for uid, one in now.items():
                if one != seen.get(uid):
                    await response.write(_event("MODIFIED" if uid in seen else "ADDED", one))
            for uid in seen.keys() - now.keys():
                await response.write(_event("DELETED", seen[uid]))
            seen = now
            await self._news.heard(LOOK)


def _event(kind: str, obj: Object) -> bytes:
    return orjson.dumps({"type": kind, "object": obj}) + b"\n"


def _saying(serve: Serve) -> Serve:
    """Answer a refusal with a `Status`, as an API server does."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await serve(request)
        except Refused as error:
            return _status(error, request.match_info["plural"])
        except RecursionError:
            deep = Refused(400, "BadRequest", "the object is nested too deeply; make it flatter")
            return _status(deep, request.match_info["plural"])

    return answer


def _status(error: Refused, plural: str) -> web.Response:
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": str(error),
        "reason": error.reason,
        "details": {"name": error.name, "kind": plural},
        "code": error.code,
    }
    return _json(status, error.code)


def _kind(request: web.Request) -> str:
    return KINDS[request.match_info["plural"]]


def _key(request: web.Request) -> ObjectKey:
    return ObjectKey(request.match_info["namespace"], request.match_info["name"])


async def _body(request: web.Request) -> Object:
    text = await request.read()
    if len(text) > LARGEST:
        message = f"the object is larger than {LARGEST // 1024} KiB; put large code behind an URL"
        raise Refused(413, "RequestEntityTooLarge", message)
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "BadRequest", "the body is no JSON object")
    if not isinstance(body.get("metadata", {}), dict):
        raise Refused(400, "BadRequest", "metadata: is no JSON object")
    return body


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
