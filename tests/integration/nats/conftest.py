"""A real server and a source that pushes into an intake which remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from tests.fakes.nats_server import NatsServer
from tests.integration.nats.bench import Bench


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats") as one:
        yield one


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    """A publisher of the test's own."""
    one = await nats.connect(server.url, reconnect_time_wait=0.1, max_reconnect_attempts=-1)
    yield one
    await one.close()


@pytest.fixture
async def bench(server: NatsServer) -> AsyncIterator[Bench]:
    one = Bench(server.url)
    yield one
    await one.close()
