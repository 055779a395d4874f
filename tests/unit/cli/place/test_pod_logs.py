"""What the pods of a function print, also when one takes the place of another."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.fakes.kube_memory import KubeMemory
from tests.fakes.kube_proxy import KubeProxy
from tidegate.cli.place.pod_logs import following, printed
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.errors import Forbidden, Invalid
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import PODS

KEY = ObjectKey("default", "hello")
PATIENCE = 30.0


class Kubelet(KubeProxy):
    """Before an API server: every pod prints what a test has it print; None ends its log."""

    def __init__(self, server: KubeMemory) -> None:
        super().__init__(server.access())
        self.logs: dict[str, asyncio.Queue[str | None]] = defaultdict(asyncio.Queue)
        self.asked_for: list[str] = []
        self.forbids = ""

    async def _passed_on(self, request: web.Request) -> web.StreamResponse:
        found = re.search(r"/pods/([^/]+)/log$", request.path)
        if self.forbids and request.path.endswith(f"/{self.forbids}"):
            said = f'User "eve" cannot list resource "{self.forbids}"'
            status = {"kind": "Status", "apiVersion": "v1", "message": said, "code": 403}
            return web.json_response(status, status=403)
        if found is None:
            return await super()._passed_on(request)
        self.asked_for.append(request.query_string)
        return await self._printed(request, self.logs[found[1]])

    async def _printed(
        self, request: web.Request, log: asyncio.Queue[str | None]
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while "follow" in request.query or not log.empty():
            line = await log.get()
            if line is None:
                break
            await response.write(f"{line}\n".encode())
        return response


@pytest.fixture
async def kubelet() -> AsyncIterator[Kubelet]:
    server = KubeMemory()
    async with server.running():
        one = Kubelet(server)
        async with one.running():
            yield one


@pytest.fixture
async def client(kubelet: Kubelet) -> AsyncIterator[KubeClient]:
    async with connected(kubelet.access) as one:
        yield one


async def start(client: KubeClient, name: str, restarts: int = 0) -> None:
    """Have a pod of the function begin to print, or begin again."""
    labels = {"created-by": "kubeless", "function": "hello"}
    metadata = {"name": name, "namespace": "default", "labels": labels}
    if not restarts:
        await client.create(PODS, {"metadata": metadata, "spec": {}})
    container = {"name": "hello", "restartCount": restarts, "state": {"running": {}}}
    await client.patch_status(PODS, ObjectKey("default", name), {"containerStatuses": [container]})


async def test_a_follower_sees_the_pod_that_replaces_another(
    client: KubeClient, kubelet: Kubelet
) -> None:
    await start(client, "hello-1")
    async with asyncio.timeout(PATIENCE), following(client, KEY, 10) as lines:
        await kubelet.logs["hello-1"].put("first")
        assert await lines.get() == "first"
        await start(client, "hello-2")
        await kubelet.logs["hello-2"].put("second")
        assert await lines.get() == "second"
        await kubelet.logs["hello-1"].put("last words")
        assert await lines.get() == "last words"
        await kubelet.logs["hello-1"].put(None)
        await client.delete(PODS, ObjectKey("default", "hello-1"))
        await kubelet.logs["hello-2"].put("goes on")
        assert await lines.get() == "goes on"
    assert "tailLines=10" in kubelet.asked_for[0]
    assert "tailLines" not in kubelet.asked_for[1]  # of a pod that is new, everything


async def test_a_follower_sees_a_container_that_begins_again(
    client: KubeClient, kubelet: Kubelet
) -> None:
    await start(client, "hello-1")
    async with asyncio.timeout(PATIENCE), following(client, KEY, 10) as lines:
        await kubelet.logs["hello-1"].put("before")
        assert await lines.get() == "before"
        await kubelet.logs["hello-1"].put(None)
        await start(client, "hello-1", restarts=1)
        await kubelet.logs["hello-1"].put("after")
        assert await lines.get() == "after"


async def test_a_follower_ends_with_its_block(client: KubeClient, kubelet: Kubelet) -> None:
    await start(client, "hello-1")
    async with asyncio.timeout(PATIENCE):
        async with following(client, KEY, 10) as lines:
            await kubelet.logs["hello-1"].put("one")
            await lines.get()


async def test_the_last_lines_of_every_pod_are_printed(
    client: KubeClient, kubelet: Kubelet
) -> None:
    for name in ("hello-1", "hello-2"):
        await start(client, name)
        await kubelet.logs[name].put(f"of {name}")
    lines = [line async for line in printed(client, KEY, 5)]
    assert sorted(lines) == ["of hello-1", "of hello-2"]


async def test_without_pods_there_is_a_sentence(client: KubeClient) -> None:
    with pytest.raises(Invalid, match="it has no pods"):
        _ = [line async for line in printed(client, KEY, 5)]


async def test_who_may_not_list_pods_is_told_what_to_grant(
    client: KubeClient, kubelet: Kubelet
) -> None:
    kubelet.forbids = "pods"
    with pytest.raises(Forbidden, match=r"grant .* resources \['pods'\]"):
        async with asyncio.timeout(PATIENCE), following(client, KEY, 10) as lines:
            await lines.get()


async def test_what_goes_wrong_with_a_line_is_not_hidden_in_a_group(client: KubeClient) -> None:
    with pytest.raises(BrokenPipeError):
        async with asyncio.timeout(PATIENCE), following(client, KEY, 10):
            raise BrokenPipeError
