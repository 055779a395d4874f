"""Functions on a real API server: made, changed, drifted, deleted, and told about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from controllers.app import ControllerApp
from controllers.reconcilers.function import FUNCTIONS
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import KubeServer
from tests.support.controllers import (
    PATIENCE,
    condition,
    controller_settings,
    controllers,
    events_about,
    eventually,
    found,
    function_object,
    function_with,
    make_pod,
    roll_out,
    settled,
    write_function,
)
from tests.support.definitions import install
from tests.support.functions import SHAPES, container
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey, version_of
from tidegate.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    SERVICES,
)

pytestmark = pytest.mark.timeout(240)

CHILDREN = (
    CONFIG_MAPS,
    SERVICES,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
)
SCALED: Object = {"spec": {"minReplicas": 2, "maxReplicas": 4}}


@pytest.fixture
async def hello(client: KubeClient) -> ObjectKey:
    """The name of a function in a namespace of its own."""
    await install(client, ["Function"])
    return ObjectKey(await new_namespace(client), "hello")


@pytest.fixture
async def app(kube_server: KubeServer, hello: ObjectKey) -> AsyncIterator[ControllerApp]:
    async with controllers(kube_server.access(), controller_settings(hello.namespace)) as one:
        yield one


async def _versions(client: KubeClient, key: ObjectKey) -> dict[str, str]:
    objects = {one.kind: await found(client, one, key) for one in CHILDREN}
    return {kind: version_of(obj) for kind, obj in objects.items() if obj is not None}


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_shape_is_made_once_and_then_left_alone(
    kube_server: KubeServer, client: KubeClient, hello: ObjectKey, shape: str
) -> None:
    settings = controller_settings(hello.namespace)
    async with controllers(kube_server.access(), settings) as app:
        await write_function(client, hello, **SHAPES[shape])
        await roll_out(client, hello)
        ready = await function_with(client, hello, "Ready", "True")
        await settled(app)
        versions = await _versions(client, hello)
    assert ready["status"]["observedGeneration"] == ready["metadata"]["generation"]
    async with controllers(kube_server.access(), settings) as app:
        await settled(app)
        writes = {call: count for call, count in app.requests().items() if call[0] == "patch"}
    assert versions == await _versions(client, hello)
    # Values that the API server writes in another way are applied once more by a new process.
    assert sum(writes.values()) <= 1, writes


@pytest.mark.usefixtures("app")
async def test_every_changed_field_arrives(client: KubeClient, hello: ObjectKey) -> None:
    await write_function(client, hello)
    versions = await _settled_versions(client, hello)
    changes: list[Object] = [
        {"function": "def main(event, context): pass\n"},
        {"handler": "hello.other"},
        {"deps": "requests\n"},
        {"timeout": "7"},
        {"runtime": "python3.12"},
        {"checksum": ""},
        {"deployment": container(image="example.com/hello:1")},
        {"deployment": {"spec": {"replicas": 3}}},
        {"service": {"ports": [{"name": "web", "port": 80, "targetPort": 9000}]}},
        {"horizontalPodAutoscaler": SCALED},
        {},
    ]
    for change in changes:
        await write_function(client, hello, **change)
        now = await _settled_versions(client, hello)
        assert change == {"checksum": ""} or now != versions, change
        versions = now
    assert versions.keys() == {"ConfigMap", "Service", "Deployment"}


async def _settled_versions(client: KubeClient, key: ObjectKey) -> dict[str, str]:
    """Return the children's versions once the function's status is about what is written."""
    written = (await client.get(FUNCTIONS, key))["metadata"]["generation"]
    await eventually(client, FUNCTIONS, key, status__observedGeneration=written)
    return await _versions(client, key)


@pytest.mark.usefixtures("app")
async def test_what_is_changed_by_hand_is_put_right(client: KubeClient, hello: ObjectKey) -> None:
    await write_function(client, hello)
    await roll_out(client, hello)
    await function_with(client, hello, "Ready", "True")
    image = [{"name": "hello", "image": "example.com/other:1"}]
    drifts = {
        SERVICES: {"spec": {"selector": {"function": "other"}}},
        CONFIG_MAPS: {"data": {"handler": "other.main"}},
        DEPLOYMENTS: {
            "metadata": {"labels": {"created-by": None}},
            "spec": {"template": {"spec": {"containers": image}}},
        },
    }
    for resource, change in drifts.items():
        await client.patch(resource, hello, change)
    await eventually(client, CONFIG_MAPS, hello, data__handler="hello.main")
    await eventually(client, SERVICES, hello, spec__selector__function="hello")
    healed = await eventually(
        client, DEPLOYMENTS, hello, **{"metadata__labels__created-by": "kubeless"}
    )
    async with asyncio.timeout(PATIENCE):
        while healed["spec"]["template"]["spec"]["containers"][0]["image"] == image[0]["image"]:
            healed = await eventually(client, DEPLOYMENTS, hello)
    await client.delete(SERVICES, hello)
    await eventually(client, SERVICES, hello)


@pytest.mark.usefixtures("app")
async def test_an_object_of_somebody_else_is_never_touched(
    client: KubeClient, hello: ObjectKey
) -> None:
    foreign = {
        "metadata": {"namespace": hello.namespace, "name": "hello"},
        "spec": {"ports": [{"name": "web", "port": 80}], "selector": {"app": "web"}},
    }
    made = await client.create(SERVICES, foreign)
    await write_function(client, hello)
    await function_with(client, hello, "Ready", "False", "NameTaken")
    assert await client.get(SERVICES, hello) == made
    assert await _versions(client, hello) == {"Service": version_of(made)}


@pytest.mark.usefixtures("app")
@pytest.mark.regression("Kubeless: what is taken out of a function stays in its Deployment")
async def test_what_kubeless_wrote_goes_when_its_deployment_is_taken_over(
    client: KubeClient, hello: ObjectKey
) -> None:
    labels = {"created-by": "kubeless", "function": "hello"}
    main = {
        "name": "hello",
        "image": "kubeless/python:3.8",
        "args": ["old"],
        "env": [{"name": "PYTHONPATH", "value": "/kubeless/lib/python3.8"}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "initialDelaySeconds": 3},
    }
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [main]}}
    spec = {"selector": {"matchLabels": labels}, "template": pods}
    metadata = {"namespace": hello.namespace, "name": "hello", "labels": labels}
    await client.create(DEPLOYMENTS, {"metadata": metadata, "spec": spec})
    await write_function(client, hello)
    await function_with(client, hello, "Ready", "Unknown")
    taken = (await client.get(DEPLOYMENTS, hello))["spec"]["template"]["spec"]["containers"][0]
    assert "args" not in taken
    assert "initialDelaySeconds" not in taken["livenessProbe"]
    variables = {each["name"]: each.get("value", "") for each in taken["env"]}
    assert "python3.8" not in variables.get("PYTHONPATH", "")


@pytest.mark.usefixtures("app")
async def test_what_the_api_server_refuses_is_said_in_the_status(
    client: KubeClient, hello: ObjectKey
) -> None:
    await write_function(client, hello, deployment=container(ports=[{"containerPort": 70000}]))
    refused = await function_with(client, hello, "Ready", "False", "Refused")
    assert "containerPort" in condition(refused, "Ready")["message"]


@pytest.mark.usefixtures("app")
async def test_scaling_is_handed_over_without_a_step_back(
    client: KubeClient, hello: ObjectKey
) -> None:
    await write_function(client, hello, deployment={"spec": {"replicas": 3}})
    await eventually(client, DEPLOYMENTS, hello, spec__replicas=3)
    await write_function(client, hello, horizontalPodAutoscaler=SCALED)
    await eventually(client, HORIZONTAL_POD_AUTOSCALERS, hello)
    assert (await client.get(DEPLOYMENTS, hello))["spec"]["replicas"] == 3


@pytest.mark.usefixtures("app")
async def test_a_failed_step_is_told_with_what_it_said(
    client: KubeClient, hello: ObjectKey
) -> None:
    end = {"terminated": {"exitCode": 1, "reason": "Error", "message": "no such package"}}
    status = {
        "name": "install",
        "ready": False,
        "restartCount": 1,
        "image": "example.com/a",
        "imageID": "",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": end,
    }
    await write_function(client, hello, deps="no-such-thing==1\n")
    await make_pod(client, hello, initContainerStatuses=[status])
    failed = await function_with(client, hello, "BuildFailed", "True")
    assert condition(failed, "BuildFailed")["message"].endswith("no such package")
    await until_event(client, hello, ("Warning", "BuildFailed"))


async def until_event(client: KubeClient, key: ObjectKey, wanted: tuple[str, str]) -> None:
    """Return when that was told about the object."""
    async with asyncio.timeout(PATIENCE):
        while wanted not in await events_about(client, key):  # noqa: ASYNC110 - a server says
            await asyncio.sleep(0.05)


@pytest.mark.usefixtures("app")
async def test_a_deleted_function_with_a_finalizer_of_kubeless_goes(
    client: KubeClient, hello: ObjectKey
) -> None:
    old = function_object(*hello)
    old["metadata"]["finalizers"] = ["kubeless.io/function"]
    await client.create(FUNCTIONS, old)
    await eventually(client, DEPLOYMENTS, hello)
    await client.delete(FUNCTIONS, hello)
    async with asyncio.timeout(PATIENCE):
        while await found(client, FUNCTIONS, hello) is not None:  # noqa: ASYNC110 - so it does
            await asyncio.sleep(0.05)


async def test_a_controller_that_dies_half_way_is_followed_by_one_that_finishes(
    kube_server: KubeServer, client: KubeClient, hello: ObjectKey
) -> None:
    settings = controller_settings(hello.namespace)
    names = [ObjectKey(hello.namespace, f"hello-{number}") for number in range(12)]
    for key in names:
        await write_function(client, key)
    async with controllers(kube_server.access(), settings):
        await eventually(client, DEPLOYMENTS, names[0])
    async with controllers(kube_server.access(), settings) as successor:
        for key in names:
            await eventually(client, DEPLOYMENTS, key)
        await settled(successor)
    for key in names:
        assert (await _versions(client, key)).keys() == {"ConfigMap", "Service", "Deployment"}


@pytest.mark.usefixtures("app")
async def test_an_api_server_that_restarts_is_found_again(
    kube_server: KubeServer, client: KubeClient, hello: ObjectKey
) -> None:
    await write_function(client, hello)
    await eventually(client, DEPLOYMENTS, hello)
    await asyncio.to_thread(kube_server.kill_api)
    await asyncio.to_thread(kube_server.start_api)
    other = ObjectKey(hello.namespace, "other")
    await write_function(client, other)
    await eventually(client, DEPLOYMENTS, other)
