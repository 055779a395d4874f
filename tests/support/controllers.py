"""Controllers that run in a test, and the parts of a cluster that no test server plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from controllers.app import ControllerApp, Surroundings
from controllers.reconcilers.function import FUNCTIONS
from controllers.registration import Context, Registration
from controllers.registry import function_controllers
from controllers.settings import (
    ConfigSettings,
    ControllerAdminSettings,
    ControllerSettings,
    LeaseSettings,
)
from tests.support.background import background
from tests.support.waiting import until
from tidegate.kube.access import Access
from tidegate.kube.client import KubeClient
from tidegate.kube.elector import ElectorSettings
from tidegate.kube.errors import Conflict, NotFound
from tidegate.kube.objects import Object, ObjectKey, version_of
from tidegate.kube.reflector import ReflectorSettings
from tidegate.kube.resources import DEPLOYMENTS, EVENTS, PODS, Resource
from tidegate.kube.selection import Selection
from tidegate.kube.transport import ClientSettings

PATIENCE = 60.0
REFLECTORS = ReflectorSettings(watch=60, steady=1.0, first_wait=0.1, longest_wait=1.0)
ELECTION = ElectorSettings(duration=4, renew_deadline=2.5, retry_period=0.3, call_timeout=1.0)


def controller_settings(namespace: str) -> ControllerSettings:
    """What a controller of that namespace alone is told, its Lease and configuration included."""
    return ControllerSettings(
        functions_namespace=namespace,
        config=ConfigSettings(namespace, spread=0.2),
        lease=LeaseSettings(namespace, times=ELECTION),
        admin=ControllerAdminSettings("127.0.0.1", 0),
    )


def surroundings(
    makers: tuple[Callable[[Context], list[Registration]], ...] = (function_controllers,),
) -> Surroundings:
    """What a controller of a test is made with: quick to find out that it is cut off."""
    return Surroundings(
        controllers=makers,
        reflectors=REFLECTORS,
        clients=ClientSettings(timeout=5.0, silence=20.0),
        cut_off=lambda: None,
    )


@asynccontextmanager
async def controllers(
    access: Access, settings: ControllerSettings, around: Surroundings | None = None
) -> AsyncIterator[ControllerApp]:
    """A replica for the length of the block."""
    app = ControllerApp(settings, access, around or surroundings())
    async with background(app.run(), "controllers of a test"):
        yield app


def function_object(namespace: str, name: str = "hello", **spec: Any) -> Object:
    """A Function as a user applies it."""
    fields = {
        "handler": "hello.main",
        "runtime": "python3.11",
        "function": "def main(event, context):\n    return 'hello'\n",
    } | spec
    return {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": "Function",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {key: value for key, value in fields.items() if value is not None},
    }


async def write_function(client: KubeClient, key: ObjectKey, **spec: Any) -> Object:
    """Write a Function as a user does: what is left out is gone."""
    made = function_object(key.namespace, key.name, **spec)
    async with asyncio.timeout(PATIENCE):
        while True:
            old = await found(client, FUNCTIONS, key)
            if old is None:
                return await client.create(FUNCTIONS, made)
            metadata = {**made["metadata"], "resourceVersion": version_of(old)}
            try:
                return await client.update(FUNCTIONS, {**made, "metadata": metadata})
            except Conflict:
                continue  # its status was written meanwhile


async def found(client: KubeClient, resource: Resource, key: ObjectKey) -> Object | None:
    """Return the object, or None."""
    try:
        return await client.get(resource, key)
    except NotFound:
        return None


async def eventually(
    client: KubeClient, resource: Resource, key: ObjectKey, **wanted: Any
) -> Object:
    """Return the object once it is there and has the values `wanted` at paths like `a__b`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            obj = await found(client, resource, key)
            if obj is not None and all(_at(obj, path) == want for path, want in wanted.items()):
                return obj
            await asyncio.sleep(0.02)


def _at(obj: Any, path: str) -> Any:
    for step in path.split("__"):
        obj = obj.get(step) if isinstance(obj, Mapping) else None
    return obj


def condition(obj: Object, kind: str) -> Object:
    """Return a condition of the object, empty when it has none."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == kind), {})


async def function_with(
    client: KubeClient, key: ObjectKey, kind: str, status: str, reason: str = ""
) -> Object:
    """Return the function once its condition `kind` is `status`, for that reason if given."""
    async with asyncio.timeout(PATIENCE):
        while True:
            obj = await found(client, FUNCTIONS, key)
            said = condition(obj, kind) if obj is not None else {}
            if obj and said.get("status") == status and reason in ("", said["reason"]):
                return obj
            await asyncio.sleep(0.02)


async def roll_out(client: KubeClient, key: ObjectKey, **counts: int) -> None:
    """Say that all pods of the Deployment run and take calls, as its controller would."""
    deployment = await eventually(client, DEPLOYMENTS, key)
    wanted = deployment["spec"].get("replicas", 1)
    named = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    status = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        **dict.fromkeys(named, wanted),
        **counts,
    }
    await client.patch_status(DEPLOYMENTS, key, status)


async def make_pod(client: KubeClient, key: ObjectKey, **status: Any) -> None:
    """Make a pod of the Deployment, as its controller would, with that status."""
    template = (await eventually(client, DEPLOYMENTS, key))["spec"]["template"]
    metadata = {**template["metadata"], "name": f"{key.name}-1", "namespace": key.namespace}
    await client.create(PODS, {"metadata": metadata, "spec": template["spec"]})
    await client.patch_status(PODS, ObjectKey(key.namespace, metadata["name"]), status)


async def events_about(client: KubeClient, key: ObjectKey) -> list[tuple[str, str]]:
    """Return type and reason of the Events about that object, the oldest first."""
    page = await client.list(Selection(EVENTS, key.namespace))
    items = sorted(page.items, key=lambda one: int(one["metadata"]["resourceVersion"]))
    return [
        (one["type"], one["reason"]) for one in items if one["involvedObject"]["name"] == key.name
    ]


async def settled(app: ControllerApp) -> None:
    """Return when this replica leads and nothing is left to look at."""
    await until(lambda: app.leads() and app.idle(), PATIENCE)


@asynccontextmanager
async def changing(client: KubeClient, key: ObjectKey) -> AsyncIterator[None]:
    """Someone who writes the function again and again, so that there is always work."""

    async def change() -> None:
        number = 0
        while True:
            number += 1
            await client.patch(FUNCTIONS, key, {"spec": {"timeout": str(number)}})
            await asyncio.sleep(0.05)

    async with background(change(), "user of a test"):
        yield
