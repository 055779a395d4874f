"""Requests that the API server passes on: to a Service, to a pod. Its own refusals stay errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import orjson

from tidegate.kube.call import Call
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import AnswerTooLarge
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import Resource
from tidegate.kube.status import Refusal, error_from
from tidegate.kube.transport import Request, translated

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}
_REFUSAL_LIMIT = 64 * 1024


class Answer:
    """What came back, read as it comes. Errors of the way raise `Unavailable`."""

    def __init__(self, call: Call, response: aiohttp.ClientResponse, head: bytes = b"") -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._call = call
        self._response = response
        self._head = head

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        if self._head:
            yield self._head
        with translated(self._call):
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the lines of the body as they come, without their ends."""
        rest = b""
        async for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line
        if rest:
            yield rest

    async def read(self, limit: int = 32 * 1024 * 1024) -> bytes:
        """Return the whole body. Raises `AnswerTooLarge` beyond `limit` bytes."""
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                raise AnswerTooLarge(f"{self._call}: the answer has more than {limit} bytes")
        return bytes(body)


@dataclass(frozen=True, slots=True)
class Proxied:
    """One request to what is behind `name` of a resource; `name` may be `NAME:PORT`."""

    resource: Resource
    key: ObjectKey
    method: str = "GET"
    path: str = "/"
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout: float | None = None
    """Until the answer begins, in seconds; None waits for ever."""

    def call(self) -> Call:
        """Return what to ask the API server."""
        verb = _VERBS.get(self.method, self.method.lower())
        return _Behind(verb, self.resource, self.key.namespace, self.key.name, self.path)


@asynccontextmanager
async def proxied(client: KubeClient, wanted: Proxied) -> AsyncIterator[Answer]:
    """Send it and yield what answered, whatever its status.

    Raises `KubeError` where the API server itself refuses: no such object, no right, nobody ready.
    """
    call = wanted.call()
    request = Request(
        call, wanted.method, wanted.params, wanted.body, accept="*/*", headers=wanted.headers
    )
    async with client.transport.exchange(request, wanted.timeout) as response:
        yield Answer(call, response, await _checked(call, response))


def service(key: ObjectKey, port: int | str) -> ObjectKey:
    """Return what names a port of a Service behind the proxy."""
    return ObjectKey(key.namespace, f"{key.name}:{port}")


async def _checked(call: Call, response: aiohttp.ClientResponse) -> bytes:
    """Return what had to be read of the body to tell whose answer it is; raise the API server's."""
    if response.status < 400 or "application/json" not in response.headers.get("content-type", ""):
        return b""
    with translated(call):
        async with asyncio.timeout(30):
            head = await response.content.read(_REFUSAL_LIMIT)
    try:
        status = orjson.loads(head)
    except orjson.JSONDecodeError:
        return head
    if isinstance(status, dict) and status.get("kind") == "Status" and "apiVersion" in status:
        raise error_from(Refusal(call, response.status, status))
    return head


class _Behind(Call):
    """A call to what is behind a Service or a pod; the subresource holds the path there."""

    __slots__ = ()

    @property
    def path(self) -> str:
        """Where it goes."""
        proxy = self.resource.path(self.namespace, self.name, "proxy")
        return proxy + self.subresource

    @property
    def rbac_resource(self) -> str:
        """What a rule's `resources` must list."""
        return f"{self.resource.plural}/proxy"

    def __str__(self) -> str:
        what = f"{self.verb} {self.resource.full_name} {self.name} (proxy)"
        return f"{what} in namespace {self.namespace}"
