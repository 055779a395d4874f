"""Every contract test runs on the real API server and on the double."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.kube_cluster import Cluster, RealCluster, client_of, memory_cluster, new_namespace
from tidegate.kube.client import KubeClient


@pytest.fixture(params=["real", "memory"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """An API server."""
    if request.param == "real":
        yield RealCluster(request.getfixturevalue("kube_server"))
        return
    async with memory_cluster() as double:
        yield double


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[KubeClient]:
    """An administrator's client."""
    async with client_of(cluster) as one:
        yield one


@pytest.fixture
async def namespace(client: KubeClient) -> str:
    """A namespace of this test alone."""
    return await new_namespace(client)
