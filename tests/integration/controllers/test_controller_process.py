"""`tidegate controller` as a pod runs it: settings, health, metrics, and its end."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from controllers.reconcilers.function import FUNCTIONS
from tests.fakes.kube_cluster import memory_server, new_namespace
from tests.fakes.kube_memory import KubeMemory
from tests.fakes.kube_server import ADMIN
from tests.fakes.ports import free_port
from tests.support.controller_process import kubeconfig_of
from tests.support.controllers import PATIENCE, eventually, function_object, function_with
from tests.support.definitions import KINDS
from tests.support.ended import killed_at_last
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import DEPLOYMENTS, LEASES

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def memory() -> AsyncIterator[KubeMemory]:
    async with memory_server(KINDS.values()) as server:
        yield server


@pytest.fixture
async def client(memory: KubeMemory) -> AsyncIterator[KubeClient]:
    async with connected(memory.access()) as one:
        yield one


@asynccontextmanager
async def _controller(kubeconfig: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = Path(sys.executable).with_name("tidegate")
    process = await asyncio.create_subprocess_exec(
        command, "controller", "--kubeconfig", kubeconfig, "--host", "127.0.0.1", *options
    )
    async with killed_at_last(process):
        yield process


async def _answer(url: str, wanted: int = 0) -> tuple[int, str]:
    """Return status and text once the process listens, and says what is wanted."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as answer:
                    if wanted in (0, answer.status):
                        return answer.status, await answer.text()
            except aiohttp.ClientConnectionError:
                pass  # it is still starting
            await asyncio.sleep(0.05)


async def test_it_works_says_so_and_gives_the_lease_back(
    memory: KubeMemory, client: KubeClient, tmp_path: Path
) -> None:
    key = ObjectKey(await new_namespace(client), "hello")
    await client.create(FUNCTIONS, function_object(*key))
    port = free_port()
    options = ("--home", key.namespace, "--lease", "one", "--admin-port", str(port))
    async with _controller(
        kubeconfig_of(memory.url, ADMIN, tmp_path / "config"), *options
    ) as process:
        await eventually(client, DEPLOYMENTS, key)
        await function_with(client, key, "Ready", "Unknown")
        admin = f"http://127.0.0.1:{port}"
        assert await _answer(f"{admin}/livez") == (200, "ok")
        assert await _answer(f"{admin}/readyz", wanted=200) == (200, "ok")
        _, metrics = await _answer(f"{admin}/metrics")
        assert "tidegate_controller_leader 1.0" in metrics
        assert 'resource="functions/status",verb="patch"' in metrics
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
    lease = await client.get(LEASES, ObjectKey(key.namespace, "one"))
    assert not lease["spec"].get("holderIdentity")


async def test_it_is_not_ready_while_it_cannot_know_what_there_is(
    client: KubeClient, memory: KubeMemory, tmp_path: Path
) -> None:
    home, port = await new_namespace(client), free_port()
    config = kubeconfig_of("http://127.0.0.1:1", ADMIN, tmp_path / "config")
    options = ("--home", home, "--admin-port", str(port))
    async with _controller(config, *options):
        assert await _answer(f"http://127.0.0.1:{port}/livez") == (200, "ok")
        status, text = await _answer(f"http://127.0.0.1:{port}/readyz")
        assert (status, text.startswith("the configuration is not read yet")) == (503, True)
