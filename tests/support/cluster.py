"""A cluster without kubelet and controllers: tests write what these would."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from gateway.cluster.gateway import ClusterGateway
from gateway.cluster.kinds import RESOURCES
from gateway.cluster.settings import ClusterSettings
from gateway.context import secret_of
from gateway.core.progress import State
from gateway.settings import AdminSettings, HttpSettings, LifecycleSettings, NatsSettings, Settings
from tests.support.waiting import until
from tidegate.kube.access import Access
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import ENDPOINT_SLICES, SECRETS
from tidegate.kube.store import Delta

PATIENCE = 30.0
POD = "192.0.2.1"
"""An address for documentation, in place of this machine's own."""


def function(namespace: str, name: str, **labels: str) -> Object:
    """A Function; nothing here looks at its code."""
    return custom(
        "Function",
        namespace,
        name,
        {"handler": "code.main", "runtime": "python3.11", "function": "def main(e, c): return 1"},
        labels,
    )


def http_trigger(namespace: str, name: str, function: str, **spec: Any) -> Object:
    """An HTTPTrigger of a function."""
    return custom("HTTPTrigger", namespace, name, {"function-name": function, **spec})


def custom(
    kind: str,
    namespace: str,
    name: str,
    spec: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
) -> Object:
    """An object of our own group."""
    return {
        "apiVersion": RESOURCES[kind].api_version,
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name, "labels": dict(labels or {})},
        "spec": dict(spec),
    }


def slice_of(namespace: str, function: str, port: int, **conditions: bool) -> Object:
    """An EndpointSlice of one pod.

    On one machine pods share an address, and ports tell them apart; a slice has one port. An API
    server takes no loopback address, so replicas of tests take `POD` for it.
    """
    return {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": ENDPOINT_SLICES.kind,
        "metadata": {
            "namespace": namespace,
            "name": f"{function}-{port}",
            "labels": {
                "kubernetes.io/service-name": function,
                "created-by": "kubeless",
                "function": function,
            },
        },
        "addressType": "IPv4",
        "ports": [{"name": "http-function-port", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [POD], "conditions": conditions or {"ready": True}}],
    }


def secret(namespace: str, name: str, **entries: str) -> Object:
    """A Secret, as the API server hands it out."""
    data = {key: b64encode(text.encode()).decode() for key, text in entries.items()}
    return {"metadata": {"namespace": namespace, "name": name}, "data": data}


class Stage:
    """An API server, and what tests do to the objects in it."""

    def __init__(self, client: KubeClient) -> None:
        self.client = client

    async def apply(self, *objects: Object) -> None:
        """Make the objects so, as kubectl apply does."""
        for obj in objects:
            await self.client.apply(_resource(obj), obj, force=True)

    async def delete(self, obj: Object) -> None:
        """Delete one of them."""
        metadata = obj["metadata"]
        key = ObjectKey(metadata["namespace"], metadata["name"])
        await self.client.delete(_resource(obj), key)


def _resource(obj: Object) -> Any:
    kind = obj.get("kind", "Secret")
    beside = {"EndpointSlice": ENDPOINT_SLICES, "Secret": SECRETS}
    return beside[kind] if kind in beside else RESOURCES[kind]


class LoopbackGateway(ClusterGateway):
    """A gateway for which pods are on this machine."""

    def _take_slice(self, delta: Delta) -> None:
        for obj in (delta.old, delta.new):
            for endpoint in (obj or {}).get("endpoints") or ():
                endpoint["addresses"] = ["127.0.0.1"]
        super()._take_slice(delta)


class Replica:
    """A gateway of a cluster that runs, and how to look at it."""

    def __init__(
        self,
        replica: ClusterGateway,
        session: aiohttp.ClientSession,
        stop: asyncio.Event,
        ended: Callable[[], bool],
    ) -> None:
        self.cluster = replica
        self.ended = ended
        self.gateway = replica.gateway
        self.session = session
        self.stop = stop

    def names(self) -> list[str]:
        """Return the triggers that run here."""
        return sorted(one.trigger for one, _ in self.gateway.subscriptions())

    def state(self, trigger: str) -> State:
        """Return what a trigger's only subscription is doing."""
        return next(p.state for s, p in self.gateway.subscriptions() if s.trigger == trigger)

    def is_running(self, trigger: str) -> bool:
        """Tell whether a trigger is at work here."""
        return trigger in self.names() and self.state(trigger) is State.RUNNING

    def reason(self, trigger: str) -> str:
        """Return why it does so."""
        return next(p.reason for s, p in self.gateway.subscriptions() if s.trigger == trigger)

    def all_running(self) -> bool:
        """Tell whether every trigger that runs here is at work."""
        return all(p.state is State.RUNNING for _, p in self.gateway.subscriptions())

    def secret_version(self, trigger: str) -> str:
        """Return which content of its Secret a trigger runs with."""
        found = next(s for s, _ in self.gateway.subscriptions() if s.trigger == trigger)
        secret = secret_of(found)
        return "" if secret is None else secret.version

    async def ready(self) -> bool:
        """Ask the admin server."""
        url = f"http://127.0.0.1:{self.gateway.admin_port}/readyz"
        async with self.session.get(url) as response:
            return response.status == 200

    async def call(self, path: str, body: str = "") -> tuple[int, str]:
        """Call the front door."""
        url = f"http://127.0.0.1:{self.gateway.port}{path}"
        async with self.session.post(url, data=body) as response:
            return response.status, await response.text()

    async def until_ready(self) -> None:
        """Return when calls may come."""
        await until(lambda: not self.gateway.withheld, PATIENCE)

    async def until_runs(self, *triggers: str) -> None:
        """Return when exactly `triggers` run here."""
        await until(lambda: self.names() == sorted(triggers), PATIENCE)


@asynccontextmanager
async def replica_of(
    access: Access, home: str, name: str = "one", nats: str = "", **times: Any
) -> AsyncIterator[Replica]:
    """A replica for the length of the block, once it is ready; then it leaves in order."""
    async with starting_replica(access, home, name, nats, **times) as replica:
        await until(lambda: not replica.gateway.withheld or replica.ended(), PATIENCE)
        yield replica


@asynccontextmanager
async def starting_replica(
    access: Access, home: str, name: str = "one", nats: str = "", **times: Any
) -> AsyncIterator[Replica]:
    """A replica that may never be ready."""
    cluster = ClusterSettings(
        **{"home": home, "name": name, "lease": 3.0, "renew": 0.3, "endpoints_lag": 0.0, **times}
    )
    settings = Settings(
        http=HttpSettings(port=0),
        admin=AdminSettings(port=0),
        nats=NatsSettings(url=nats) if nats else NatsSettings(),
        lifecycle=LifecycleSettings(drain_timeout=10),
    )
    stop = asyncio.Event()
    async with connected(access) as client, aiohttp.ClientSession() as session:
        made = LoopbackGateway(settings, cluster, client)
        running = asyncio.create_task(made.run(stop), name=f"replica {name}")
        try:
            yield Replica(made, session, stop, running.done)
        finally:
            stop.set()
            await running
