"""What the containers of the manifests run becomes ready, with the rights of its account."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import KubeServer
from tests.fakes.ports import free_port
from tests.kube.accounts import token_of
from tests.support.ended import killed_at_last
from tidegate.cli.cluster.bundle import Variant, bundle
from tidegate.cli.cluster.install import install
from tidegate.cli.cluster.kustomize import Object
from tidegate.cli.cluster.options import Overlay
from tidegate.kube.client import KubeClient

pytestmark = pytest.mark.timeout(240)

COMMAND = Path(sys.executable).with_name("tidegate")
PATIENCE = 90.0
PAIRS = list(product((Overlay.DEV, Overlay.NAMESPACE_SCOPED), ("controller", "gateway")))


@pytest.mark.parametrize(("overlay", "component"), PAIRS)
async def test_a_container_becomes_ready_and_leaves_in_order(
    admitting: KubeClient, kube_server: KubeServer, tmp_path: Path, overlay: Overlay, component: str
) -> None:
    variant = Variant(overlay, await new_namespace(admitting))
    objects = await asyncio.to_thread(bundle, variant)
    without = [one for one in objects if one["kind"] != "CustomResourceDefinition"]
    await install(admitting, without, lambda _: None, force=True)
    account = f"tidegate-{component}"
    token = await token_of(admitting, variant.namespace, account)
    kubeconfig = _kubeconfig(kube_server, token, tmp_path / "config")
    (container,) = (
        one["spec"]["template"]["spec"]["containers"][0]
        for one in objects
        if one["kind"] == "Deployment" and one["metadata"]["name"] == account
    )
    port = free_port()
    ports = ["--admin-port", str(port), *(["--port", "0"] if component == "gateway" else [])]
    async with _running(container, variant.namespace, kubeconfig, ports) as process:
        await _until_ready(f"http://127.0.0.1:{port}/readyz", process)
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0


def _kubeconfig(server: KubeServer, token: str, path: Path) -> Path:
    """Write a kubeconfig of that token alone; outside of a pod there is no account to be found."""
    config = yaml.safe_load(server.kubeconfig(path).read_text())
    config["users"] = [{"name": "token", "user": {"token": token}}]
    path.write_text(yaml.safe_dump(config))
    return path


@asynccontextmanager
async def _running(
    container: Object, namespace: str, kubeconfig: Path, ports: list[str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process of a container, as the kubelet would start it."""
    args = [one.replace("$(POD_NAMESPACE)", namespace) for one in container["args"]]
    names = {one["name"] for one in container["env"]}
    pod = {"POD_NAMESPACE": namespace, "POD_NAME": "pod-1"}
    assert names == pod.keys()
    process = await asyncio.create_subprocess_exec(
        COMMAND, *args, "--kubeconfig", str(kubeconfig), *ports, env={**os.environ, **pod}
    )
    async with killed_at_last(process):
        yield process


async def _until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
        while await _status(session, url) != 200:
            assert process.returncode is None
            await asyncio.sleep(0.1)


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    try:
        async with session.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0
