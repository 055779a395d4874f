"""`tidegate trigger replay` and `tidegate dlq` on a cluster: an API server, and two gateways' pods.

What a kubelet's network would do, a proxy does: requests to a pod's port reach a gateway of ours.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from tests.fakes.function_server import FunctionServer, function_server, say_ok
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_proxy import KubeProxy
from tests.fakes.kube_server import ADMIN, STRANGER, KubeServer
from tests.integration.deadletters.bench import POISON, orders, place, refuse_poison, until
from tests.integration.up.running import Answer, tidegate
from tests.support.definitions import install
from tests.support.pods_of_gateways import Pod, pods_of
from tidegate.api.subscription import DeadLetter
from tidegate.cli.place.cluster import ADMIN_SECRET
from tidegate.cli.place.kinds import NATS_TRIGGERS
from tidegate.kube.access import Access
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import PODS, SECRETS

_POD = re.compile(r"/api/v1/namespaces/[^/]+/pods/(?P<name>[^/:]+):8081/proxy(?P<path>/.*)$")


class Nodes(KubeProxy):
    """The way to an API server, and from there to the admin ports of gateways."""

    def __init__(self, upstream: Access) -> None:
        super().__init__(upstream)
        self.pods: dict[str, Pod] = {}

    async def _passed_on(self, request: web.Request) -> web.StreamResponse:
        found = _POD.match(request.path)
        pod = self.pods.get(found["name"]) if found is not None else None
        if found is None or pod is None or STRANGER in request.headers.get("Authorization", ""):
            return await super()._passed_on(request)
        given = replace(pod, token=request.headers.get("tidegate-token", ""))
        async with given.request(
            request.method,
            found["path"],
            request.query,
            await request.read() or None,
            timeout=None,
        ) as answer:
            kept = ("content-type", "tidegate-error")
            headers = {name: answer.headers[name] for name in kept if name in answer.headers}
            response = web.StreamResponse(status=answer.status, headers=headers)
            await response.prepare(request)
            async for chunk in answer.chunks():
                await response.write(chunk)
            return response


@dataclass
class Cluster:
    """A namespace with the trigger `orders`, which both gateways run, and five dead letters."""

    folder: Path
    namespace: str
    client: KubeClient
    nodes: Nodes
    function: FunctionServer

    async def command(self, *arguments: str, user: str = "admin") -> Answer:
        """Run the command with a kubeconfig of the cluster."""
        return await tidegate(*arguments, "--context", user, cwd=self.folder)


@pytest.fixture
async def cluster(
    kube_server: KubeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connected(kube_server.access()))
        await install(client)
        namespace = await new_namespace(client)
        broker = await stack.enter_async_context(place(tmp_path))
        await broker.client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
        function = await stack.enter_async_context(function_server(refuse_poison))
        wanted = replace(orders(DeadLetter("nats", "dead.orders")), namespace=namespace)
        gateways = []
        for _ in range(2):
            one = await stack.enter_async_context(
                broker.gateway(DeadLetter("nats", "dead.orders"), function)
            )
            one.gateway.endpoints.set((namespace, "hello"), [function.address])
            await one.apply(wanted)
            gateways.append(one)
        pods = await stack.enter_async_context(pods_of(tmp_path, *gateways))
        nodes = Nodes(kube_server.access())
        await stack.enter_async_context(nodes.running())
        for pod in await pods.gateways():
            nodes.pods[pod.name] = pod
            await ready_pod(client, ObjectKey(namespace, pod.name))
        await client.create(SECRETS, token(namespace))
        await client.create(NATS_TRIGGERS, trigger(namespace))
        config = tmp_path / "kubeconfig"
        config.write_text(yaml.safe_dump(kubeconfig(nodes.url, namespace)))
        monkeypatch.setenv("KUBECONFIG", str(config))
        await broker.publish(*[POISON] * 5)

        async def all_dead() -> bool:
            return len(await broker.in_stream()) == 5

        await until(all_dead)
        try:
            yield Cluster(tmp_path, namespace, client, nodes, function)
        finally:
            for name in nodes.pods:
                await client.delete(PODS, ObjectKey(namespace, name))


async def ready_pod(client: KubeClient, key: ObjectKey) -> None:
    """Make what looks like the pod of a gateway that takes calls."""
    labels = {"app.kubernetes.io/name": "tidegate-gateway"}
    metadata = {"name": key.name, "namespace": key.namespace, "labels": labels}
    spec = {"containers": [{"name": "gateway", "image": "gateway"}]}
    await client.create(PODS, {"metadata": metadata, "spec": spec})
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    await client.patch_status(PODS, key, ready)


def token(namespace: str) -> dict[str, Any]:
    """Return the Secret that opens the gateways' operations."""
    metadata = {"name": ADMIN_SECRET, "namespace": namespace}
    return {"metadata": metadata, "data": {"token": base64.b64encode(b"right").decode()}}


def trigger(namespace: str) -> dict[str, Any]:
    """Return the object whose subscription the gateways run."""
    return {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": "NATSTrigger",
        "metadata": {"name": "orders", "namespace": namespace},
        "spec": {
            "topic": "orders.*",
            "functionSelector": {"matchLabels": {"function": "hello"}},
            "jetstream": {"stream": "ORDERS"},
        },
    }


def kubeconfig(server: str, namespace: str) -> dict[str, Any]:
    """Return contexts of who may do all, and of who may do nothing."""
    users = {"admin": ADMIN, "stranger": STRANGER}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "admin",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": one}} for name, one in users.items()],
        "contexts": [
            {"name": name, "context": {"cluster": "test", "user": name, "namespace": namespace}}
            for name in users
        ],
    }


async def test_a_replay_on_a_cluster_runs_in_one_replica(cluster: Cluster) -> None:
    cluster.function.seen.clear()
    failing = await cluster.command("trigger", "replay", "orders", "--from", "1h")
    assert failing.code == 1, failing.err
    assert "hello: 0 delivered, 5 failed, 0 filtered" in failing.out
    assert "it answered 422" in failing.out
    assert len(cluster.function.seen) == 5, "by one of the two"
    cluster.function.behaviour = say_ok
    answer = await cluster.command(
        "trigger", "replay", "orders", "--from", "1h", "--compare", "-o", "json"
    )
    assert answer.code == 0, answer.err
    report = json.loads(answer.out)
    assert (report["namespace"], report["delivered"]) == (cluster.namespace, 5)
    (row,) = report["functions"]
    assert (row["differing"], row["compared"]) == (5, 5), "whichever replica had answered then"
    unknown = await cluster.command("trigger", "replay", "order", "--from", "1h")
    assert (unknown.code, "did you mean orders?" in unknown.err) == (2, True)


async def test_dead_letters_of_a_cluster_are_seen_and_redriven_once(cluster: Cluster) -> None:
    listed = await cluster.command("dlq", "list", "-o", "json")
    assert listed.code == 0, listed.err
    letters = json.loads(listed.out)
    assert {row["namespace"] for row in letters} == {cluster.namespace}
    assert len(letters) == 5
    shown = await cluster.command("dlq", "show", letters[0]["id"])
    assert "source: nats:ORDERS" in shown.out
    cluster.function.behaviour = say_ok
    cluster.function.seen.clear()
    redriven = await cluster.command("dlq", "redrive", "--all", "--rate", "1000")
    assert redriven.code == 0, redriven.err
    assert redriven.out.endswith("5 delivered, 0 not\n")
    assert len(cluster.function.seen) == 5
    assert json.loads((await cluster.command("dlq", "list", "-A", "-o", "json")).out) == []


async def test_who_may_not_read_the_token_may_not_replay(cluster: Cluster) -> None:
    cluster.function.seen.clear()
    for verb in (("trigger", "replay", "orders", "--from", "1h"), ("dlq", "redrive", "--all")):
        refused = await cluster.command(*verb, user="stranger")
        assert refused.code == 1, refused.err
        assert "Traceback" not in refused.err
    await cluster.client.delete(SECRETS, ObjectKey(cluster.namespace, ADMIN_SECRET))
    closed = await cluster.command("dlq", "redrive", "--all")
    assert (closed.code, "Secret tidegate-admin" in closed.err) == (1, True)
    assert cluster.function.seen == []
