"""Gateways as the command sees those of a cluster: each with its operations behind a token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from gateway.server.operations import Operations
from gateway.server.token_file import TOKEN_HEADER, TokenFile
from tests.support.gateways import Running
from tests.support.http_servers import serving
from tidegate.kube.call import Call
from tidegate.kube.proxy import Answer
from tidegate.kube.resources import PODS


@dataclass(frozen=True)
class Pod:
    """See `GatewayAdmin`: one gateway, without an API server in between."""

    name: str
    running: Running
    operations: str
    token: str = "right"

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        timeout: float | None,
    ) -> AsyncIterator[Answer]:
        """See `GatewayAdmin.request`."""
        server = self.operations if path.startswith("/operations") else self.running.admin
        headers, limit = {TOKEN_HEADER: self.token}, aiohttp.ClientTimeout(total=timeout)
        async with self.running.client.request(
            method, server + path, params=query, data=body, headers=headers, timeout=limit
        ) as answer:
            yield Answer(Call("get", PODS), answer)


@dataclass(frozen=True)
class Pods:
    """A place with these gateways."""

    pods: Sequence[Pod]
    namespace: str = "default"

    async def gateways(self) -> Sequence[Pod]:
        """See `Place.gateways`."""
        return self.pods


@asynccontextmanager
async def pods_of(folder: Path, *gateways: Running) -> AsyncIterator[Pods]:
    """Serve the operations of `gateways` for the length of the block."""
    token = folder / "token"
    token.write_text("right")
    async with AsyncExitStack() as stack:
        pods = []
        for number, running in enumerate(gateways):
            url = await stack.enter_async_context(serving(_operations(running, token)))
            pods.append(Pod(f"gateway-{number}", running, url))
        yield Pods(pods)


def _operations(running: Running, token: Path) -> web.Application:
    application = web.Application()
    Operations(lambda: running.gateway, TokenFile(token).guard).extend(application)
    return application
