"""Each way to log in, on a real API server."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.kube_server import ADMIN, KubeServer
from tidegate.kube.access import Access
from tidegate.kube.client import connected
from tidegate.kube.config import library_access
from tidegate.kube.errors import AccessError, Unauthorized
from tidegate.kube.in_cluster import in_cluster
from tidegate.kube.kubeconfig import from_kubeconfig
from tidegate.kube.resources import NAMESPACES
from tidegate.kube.selection import Selection

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
def blocking_calls_fail() -> None:
    """The library reads files in a loop of its own, in a thread, where that blocks nobody."""


async def _works(access: Access) -> bool:
    async with connected(access) as client:
        return bool((await client.list(Selection(NAMESPACES))).items)


@pytest.mark.parametrize("context", ["token", "certificate"])
async def test_a_kubeconfig_is_enough(
    kube_server: KubeServer, tmp_path: Path, context: str
) -> None:
    path = kube_server.kubeconfig(tmp_path / "config")
    assert await _works(await asyncio.to_thread(from_kubeconfig, path, context))


@pytest.mark.parametrize("context", ["token", "certificate", "exec"])
async def test_the_library_logs_in(kube_server: KubeServer, tmp_path: Path, context: str) -> None:
    path = kube_server.kubeconfig(tmp_path / "config")
    assert await _works(await library_access(path, context))


async def test_a_pod_s_token_is_enough_and_its_successor_too(
    kube_server: KubeServer, tmp_path: Path
) -> None:
    environment = kube_server.mount(tmp_path, token="not yet valid")
    async with connected(await asyncio.to_thread(in_cluster, environment, tmp_path)) as client:
        with pytest.raises(Unauthorized):
            await client.list(Selection(NAMESPACES))
        await asyncio.to_thread((tmp_path / "token").write_text, ADMIN)
        assert (await client.list(Selection(NAMESPACES))).items


async def test_a_plugin_is_asked_again_when_its_token_is_refused(
    kube_server: KubeServer, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    given.write_text("expired")
    path = kube_server.kubeconfig(tmp_path / "config")
    _use_plugin(path, given)
    access = await library_access(path, "exec")
    given.write_text(ADMIN)
    assert await _works(access)


@pytest.mark.regression("kubernetes_asyncio: a plugin that fails raises whatever comes to hand")
@pytest.mark.parametrize("command", ["false", "no-such-plugin"])
async def test_a_plugin_that_fails_says_which_kubeconfig(
    kube_server: KubeServer, tmp_path: Path, command: str
) -> None:
    path = kube_server.kubeconfig(tmp_path / "config")
    _change_plugin(path, {"command": command})
    with pytest.raises(AccessError, match="config: logging in"):
        await library_access(path, "exec")


async def test_a_password_is_refused(kube_server: KubeServer, tmp_path: Path) -> None:
    path = kube_server.kubeconfig(tmp_path / "config")
    document = yaml.safe_load(path.read_text())
    document["users"][0]["user"] = {"username": "a", "password": "b"}
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(AccessError, match="use a token"):
        await library_access(path)


@pytest.mark.regression("aiohttp: a TLS connection that is closed waits for its peer, unowned")
def test_a_watch_that_is_left_leaves_no_connection(kube_server: KubeServer) -> None:
    async def leave() -> None:
        async with connected(kube_server.access()) as client:
            selection = Selection(NAMESPACES)
            async with client.watch(selection, (await client.list(selection)).version):
                pass

    gc.collect()  # what other tests left is not ours
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(leave())
        gc.collect()
    assert not [one.message for one in seen if one.category is ResourceWarning]


def _use_plugin(path: Path, given: Path) -> None:
    credential: dict[str, Any] = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "TOKEN"},
    }
    program = (
        f"import pathlib; print({json.dumps(credential)!r}"
        f".replace('TOKEN', pathlib.Path({str(given)!r}).read_text()))"
    )
    _change_plugin(path, {"command": sys.executable, "args": ["-c", program]})


def _change_plugin(path: Path, change: dict[str, Any]) -> None:
    document = yaml.safe_load(path.read_text())
    user = next(one for one in document["users"] if one["name"] == "exec")
    user["user"]["exec"] |= change
    path.write_text(yaml.safe_dump(document))
