"""Tests on the real API server alone: what a double cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.kube_server import KubeServer
from tests.support.api_server import api_server
from tests.support.definitions import install
from tidegate.kube.client import KubeClient, connected


@pytest.fixture
async def client(kube_server: KubeServer) -> AsyncIterator[KubeClient]:
    """An administrator's client of the server that all tests share."""
    async with connected(kube_server.access()) as one:
        yield one


@pytest.fixture(scope="session")
def defined(kube_server: KubeServer) -> KubeServer:
    """That server, with our definitions."""

    async def install_all() -> None:
        async with connected(kube_server.access()) as one:
            await install(one)

    asyncio.run(install_all())
    return kube_server


@pytest.fixture
async def admitting(defined: KubeServer) -> AsyncIterator[KubeClient]:
    """An administrator's client of a server that knows our definitions."""
    async with connected(defined.access()) as one:
        yield one


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[KubeServer]:
    """A server of this test alone, for what others would not survive."""
    with api_server(tmp_path / "kube") as server:
        yield server
