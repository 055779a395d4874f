from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.kube_memory import KubeMemory
from tidegate.kube.client import KubeClient, connected


@pytest.fixture
async def client(memory: KubeMemory) -> AsyncIterator[KubeClient]:
    """A client of the API server that the test's module names."""
    async with connected(memory.access()) as one:
        yield one
