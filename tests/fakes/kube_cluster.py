"""One API server as the contract tests see it, whichever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from tests.fakes.kube_memory import KubeMemory
from tests.fakes.kube_server import ADMIN, KubeServer
from tidegate.kube.access import Access
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import Object
from tidegate.kube.resources import NAMESPACES, Resource
from tidegate.kube.transport import ClientSettings


class Cluster(Protocol):
    """What a test does to an API server besides talking to it."""

    def access(self, token: str = ADMIN) -> Access:
        """How to reach it."""
        ...

    async def forget(self) -> None:
        """Have it forget all history, so that old versions are gone."""
        ...


class MemoryCluster:
    """The double."""

    def __init__(self, server: KubeMemory) -> None:
        self.server = server

    def access(self, token: str = ADMIN) -> Access:
        """How to reach it."""
        return self.server.access(token)

    async def forget(self) -> None:
        """Compact, and break the watches as a restart would."""
        self.server.storage.compact()
        self.server.cut()


class RealCluster:
    """etcd and kube-apiserver."""

    def __init__(self, server: KubeServer) -> None:
        self.server = server

    def access(self, token: str = ADMIN) -> Access:
        """How to reach it."""
        return self.server.access(token)

    async def forget(self) -> None:
        """Compact etcd; the restart is for what the API server itself remembers."""
        await asyncio.to_thread(self.server.compact)
        await asyncio.to_thread(self.server.kill_api)
        await asyncio.to_thread(self.server.start_api)


@asynccontextmanager
async def memory_server(resources: Iterable[Resource] = ()) -> AsyncIterator[KubeMemory]:
    """A double that serves `resources`, too, for the length of the block."""
    server = KubeMemory()
    for resource in resources:
        server.serve(resource)
    async with server.running():
        yield server


@asynccontextmanager
async def memory_cluster() -> AsyncIterator[MemoryCluster]:
    """A double for the length of the block."""
    async with memory_server() as server:
        yield MemoryCluster(server)


@asynccontextmanager
async def client_of(
    cluster: Cluster, token: str = ADMIN, settings: ClientSettings | None = None
) -> AsyncIterator[KubeClient]:
    """A client of it for the length of the block."""
    async with connected(cluster.access(token), settings) as client:
        yield client


async def new_namespace(client: KubeClient) -> str:
    """Make a namespace for one test and return its name."""
    made = await client.create(NAMESPACES, {"metadata": {"generateName": "test-"}})
    name: str = made["metadata"]["name"]
    return name


def config_map(namespace: str, name: str, **data: str) -> Object:
    """A ConfigMap, the smallest object there is."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": namespace, "name": name},
        "data": data,
    }


def deployment(namespace: str, name: str, **environment: str) -> Object:
    """A Deployment, which has a status and containers that are merged by name."""
    labels = {"app": name}
    container = {
        "name": "function",
        "image": "example/function:1",
        "env": [{"name": key, "value": value} for key, value in environment.items()],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
