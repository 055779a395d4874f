"""A running `tidegate up` as a place: below `/control` it serves the API server's shape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import orjson

from tidegate.cli.control_api import ERROR_HEADER, function_path
from tidegate.cli.place.place import METRICS_TIMEOUT, FunctionCall
from tidegate.cli.state import Contact
from tidegate.kube.access import Access, StaticToken
from tidegate.kube.call import Address
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Invalid, KubeError, NotFound, Unavailable
from tidegate.kube.objects import ObjectKey
from tidegate.kube.proxy import Answer
from tidegate.kube.resources import Resource
from tidegate.kube.transport import Request

ANSWER_TIMEOUT = 10.0
"""For answers that only read memory. Seconds."""

_ERRORS: Mapping[str, type[KubeError]] = {"unknown": NotFound, "unavailable": Unavailable}


def laptop_access(contact: Contact) -> Access:
    """Return how the process is reached as an API server."""
    return Access(f"{contact.admin}/control", "default", tokens=StaticToken(contact.token))


@dataclass(frozen=True, slots=True)
class LaptopPlace:
    """See `Place`."""

    objects: KubeClient
    title: str
    namespace: str = "default"

    @property
    def is_laptop(self) -> bool:
        """It is."""
        return True

    @asynccontextmanager
    async def call(self, key: ObjectKey, wanted: FunctionCall) -> AsyncIterator[Answer]:
        """See `Place.call`."""
        asked = _Asked(wanted.method, function_path(*key, "call"), {}, wanted.body, wanted.headers)
        async with _answer(self.objects, asked, wanted.timeout) as answer:
            yield answer

    async def logs(self, key: ObjectKey, *, follow: bool, lines: int) -> AsyncIterator[str]:
        """See `Place.logs`."""
        query = {"lines": str(lines), "follow": str(int(follow))}
        asked = _Asked("GET", function_path(*key, "logs"), query)
        async with _answer(self.objects, asked, ANSWER_TIMEOUT) as answer:
            async for line in answer.lines():
                yield orjson.loads(line)["text"]

    async def metrics(self, key: ObjectKey) -> Sequence[str]:
        """See `Place.metrics`."""
        asked = _Asked("GET", function_path(*key, "metrics"))
        async with _answer(self.objects, asked, METRICS_TIMEOUT) as answer:
            texts: list[str] = orjson.loads(await answer.read())
            return texts

    async def gateways(self) -> Sequence[LaptopGateway]:
        """See `Place.gateways`."""
        return (LaptopGateway(self.objects),)


@dataclass(frozen=True, slots=True)
class LaptopGateway:
    """See `GatewayAdmin`: the process answers for its workers."""

    client: KubeClient
    name: str = "laptop"

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        timeout: float | None,
    ) -> AbstractAsyncContextManager[Answer]:
        """See `GatewayAdmin.request`."""
        return _answer(self.client, _Asked(method, path, query or {}, body), timeout)


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def _answer(
    client: KubeClient, asked: _Asked, timeout: float | None
) -> AsyncIterator[Answer]:
    """Yield the answer; raise what the control API says on its own account."""
    call = Address(asked.method.lower(), Resource("", "", asked.path, ""), name=asked.path)
    request = Request(
        call, asked.method, asked.query, asked.body, accept="*/*", headers=asked.headers
    )
    async with client.transport.exchange(request, timeout) as response:
        answer = Answer(call, response)
        kind = response.headers.get(ERROR_HEADER)
        if kind is not None:
            sentence = (await answer.read()).decode("utf-8", "replace")
            raise _ERRORS.get(kind, Invalid)(sentence)
        yield answer
