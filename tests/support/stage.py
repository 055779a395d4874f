"""A cluster for the command line: the real API server, our controllers, and nodes that are played.

Between the command and the API server stands a proxy that plays what needs nodes: it answers for
the pods of functions, with their logs and their metrics.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from controllers.registry import CONTROLLERS
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_proxy import KubeProxy
from tests.fakes.kube_server import ADMIN, STRANGER, KubeServer
from tests.fakes.ports import free_port
from tests.support.controllers import controller_settings, controllers, surroundings
from tests.support.definitions import install
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.errors import KubeError
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import DEPLOYMENTS, PODS
from tidegate.kube.selection import Selection

LOG = "serving on port 8080"
METRICS = """\
# TYPE function_calls_total counter
function_calls_total{method="GET"} 7
function_calls_total{method="POST"} 3
# TYPE function_failures_total counter
function_failures_total{method="GET"} 1
# TYPE function_duration_seconds histogram
function_duration_seconds_sum{method="GET"} 3.5
function_duration_seconds_count{method="GET"} 7
function_duration_seconds_sum{method="POST"} 0.3
function_duration_seconds_count{method="POST"} 3
"""
_BEHIND = re.compile(
    r"/api/v1/namespaces/[^/]+/(?P<what>services|pods)/(?P<name>[^/:]+)[^/]*"
    r"/(?P<how>proxy|log)(?P<path>/.*)?$"
)


class Nodes(KubeProxy):
    """The network, with nodes at its end: every pod of a function answers, prints and counts."""

    async def _passed_on(self, request: web.Request) -> web.StreamResponse:
        found = _BEHIND.match(request.path)
        if found is None:
            return await super()._passed_on(request)
        if found["how"] == "log":
            return web.Response(text=f"{LOG}\n")
        if found["path"] == "/metrics":
            return web.Response(text=METRICS)
        return await self._called(request)

    async def _called(self, request: web.Request) -> web.Response:
        body = await request.read()
        if body == b"fail":
            return web.Response(status=500, text="it failed")
        return web.Response(body=body or b"hello from a pod")


class Stage:
    """One namespace of an API server, with everything that makes functions ready there."""

    def __init__(self, server: KubeServer, folder: Path) -> None:
        self.namespace = ""
        self._server = server
        self._folder = folder
        self._nodes = Nodes(server.access())

    @property
    def variables(self) -> Mapping[str, str]:
        """What a shell there has in its environment."""
        return {"KUBECONFIG": str(self._folder / "kubeconfig"), "NAMESPACE": self.namespace}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Stage]:
        """Play for the length of the block."""
        async with connected(self._server.access()) as client, self._nodes.running():
            await install(client)
            self.namespace = await new_namespace(client)
            (self._folder / "kubeconfig").write_text(yaml.safe_dump(self._kubeconfig()))
            settings = controller_settings(self.namespace)
            around = surroundings(CONTROLLERS)
            async with controllers(self._server.access(), settings, around):
                task = asyncio.create_task(_play(client, self.namespace), name="nodes of a test")
                try:
                    yield self
                finally:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    def _kubeconfig(self) -> Object:
        """Contexts: `test` (the current one), and those in which something is wrong."""
        users = {"admin": ADMIN, "stranger": STRANGER, "expired": "of-yesterday"}
        servers = {
            "test": {"server": self._nodes.url},
            "gone": {"server": f"http://127.0.0.1:{free_port()}"},
            "untrusted": {"server": self._server.url},
        }
        contexts = {
            "test": ("test", "admin"),
            "stranger": ("test", "stranger"),
            "expired": ("test", "expired"),
            "gone": ("gone", "admin"),
            "untrusted": ("untrusted", "admin"),
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": name, "cluster": one} for name, one in servers.items()],
            "users": [{"name": name, "user": {"token": one}} for name, one in users.items()],
            "contexts": [
                {
                    "name": name,
                    "context": {"cluster": cluster, "user": user, "namespace": self.namespace},
                }
                for name, (cluster, user) in contexts.items()
            ],
        }


async def _play(client: KubeClient, namespace: str) -> None:
    """Do what the controllers of Deployments and the kubelets do, until cancelled."""
    page = await client.list(Selection(DEPLOYMENTS, namespace))
    for one in page.items:
        await _run(client, one)
    version = page.version
    while True:
        async with client.watch(Selection(DEPLOYMENTS, namespace), version) as watch:
            async for event in watch:
                version = event.object["metadata"]["resourceVersion"]
                if event.type in ("ADDED", "MODIFIED"):
                    await _run(client, event.object)


async def _run(client: KubeClient, deployment: Object) -> None:
    """Have the pods of a Deployment run and take calls."""
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    if status.get("observedGeneration") == metadata["generation"]:
        return
    key = ObjectKey(metadata["namespace"], metadata["name"])
    wanted = deployment["spec"].get("replicas", 1)
    with suppress(KubeError):  # it has changed or gone meanwhile, and then is seen again
        await _make_pod(client, key, deployment["spec"]["template"])
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        said = {"observedGeneration": metadata["generation"], **dict.fromkeys(counts, wanted)}
        await client.patch_status(DEPLOYMENTS, key, said)


async def _make_pod(client: KubeClient, key: ObjectKey, template: Object) -> None:
    name = f"{key.name}-1"
    metadata = {"labels": template["metadata"]["labels"], "name": name, "namespace": key.namespace}
    with suppress(KubeError):  # it is there already
        await client.create(PODS, {"metadata": metadata, "spec": template["spec"]})
    ready: dict[str, Any] = {"conditions": [{"type": "Ready", "status": "True"}]}
    await client.patch_status(PODS, ObjectKey(key.namespace, name), {"phase": "Running", **ready})
