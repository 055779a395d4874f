"""Asks a gateway's operations, and says what it refuses as `KubeError`, wherever it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import orjson

from tidegate.cli.control_api import ERROR_HEADER
from tidegate.cli.place.place import GatewayAdmin
from tidegate.kube.errors import Denied, Invalid, KubeError, NotFound, Unavailable
from tidegate.kube.proxy import Answer

T = TypeVar("T")

PREFIX: Final = "/operations"

_ERRORS: Final[Mapping[str, type[KubeError]]] = {
    "unknown": NotFound,
    "unavailable": Unavailable,
    "refused": Invalid,
    "forbidden": Denied,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One request; `path` is below `/operations`, `body` becomes JSON."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    timeout: float | None = None
    """Until the answer begins, in seconds; None waits for ever."""


@asynccontextmanager
async def operated(gateway: GatewayAdmin, wanted: Operation) -> AsyncIterator[Answer]:
    """Yield the answer, which is read as it comes. Raises `KubeError` with the gateway's words."""
    body = None if wanted.body is None else orjson.dumps(wanted.body)
    path = PREFIX + wanted.path
    async with gateway.request(
        wanted.method, path, wanted.query, body, timeout=wanted.timeout
    ) as answer:
        kind = answer.headers.get(ERROR_HEADER)
        if kind is not None:
            sentence = (await answer.read()).decode("utf-8", "replace")
            raise _ERRORS.get(kind, Invalid)(sentence)
        if answer.status != 200:
            raise NotFound(
                f"gateway {gateway.name} answered {path} with status {answer.status}; "
                "is it of the same version as this command?"
            )
        yield answer


async def told(gateway: GatewayAdmin, wanted: Operation) -> Any:
    """Return the JSON of a whole answer. Raises `KubeError`."""
    async with operated(gateway, wanted) as answer:
        return orjson.loads(await answer.read())


async def lines(gateway: GatewayAdmin, wanted: Operation) -> AsyncIterator[Any]:
    """Yield the JSON of each line as it comes. Raises `KubeError`."""
    async with operated(gateway, wanted) as answer:
        async for line in answer.lines():
            yield orjson.loads(line)


async def first(gateways: Sequence[GatewayAdmin], ask: Callable[[GatewayAdmin], Awaitable[T]]) -> T:
    """Return the answer of the first gateway that knows what is asked for.

    Each replica knows the triggers that it runs. Raises the `NotFound` of the last one.
    """
    *others, last = gateways
    for gateway in others:
        try:
            return await ask(gateway)
        except NotFound:
            continue
    return await ask(last)
