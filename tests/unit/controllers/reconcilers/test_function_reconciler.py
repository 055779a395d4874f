"""A Function becomes its objects, on an API server in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from controllers import drift
from controllers.app import ControllerApp
from controllers.reconcilers.function import FUNCTIONS
from tests.fakes.kube_cluster import memory_server, new_namespace
from tests.fakes.kube_memory import KubeMemory
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
from tests.support.functions import container
from tests.support.waiting import until
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    SERVICES,
)

SCALED: Object = {"spec": {"minReplicas": 2, "maxReplicas": 4}}


@pytest.fixture
async def memory() -> AsyncIterator[KubeMemory]:
    async with memory_server([FUNCTIONS]) as server:
        yield server


@pytest.fixture
async def hello(client: KubeClient) -> ObjectKey:
    """The name of a function in a namespace of its own."""
    return ObjectKey(await new_namespace(client), "hello")


@pytest.fixture
async def app(memory: KubeMemory, hello: ObjectKey) -> AsyncIterator[ControllerApp]:
    async with controllers(memory.access(), controller_settings(hello.namespace)) as one:
        yield one


@pytest.mark.usefixtures("app")
async def test_a_function_becomes_its_objects_and_is_ready_when_its_pods_are(
    client: KubeClient, hello: ObjectKey
) -> None:
    written = await write_function(client, hello)
    for resource in (CONFIG_MAPS, SERVICES, DEPLOYMENTS):
        made = await eventually(client, resource, hello)
        assert made["metadata"]["ownerReferences"][0]["uid"] == written["metadata"]["uid"]
    starting = await function_with(client, hello, "Ready", "Unknown", "RollingOut")
    assert condition(starting, "Progressing")["status"] == "True"
    await roll_out(client, hello)
    ready = await function_with(client, hello, "Ready", "True")
    assert ready["status"]["url"] == f"http://hello.{hello.namespace}.svc:8080"
    assert (ready["status"]["replicas"], ready["status"]["readyReplicas"]) == (1, 1)
    assert condition(ready, "Progressing")["status"] == "False"
    said = await events_about(client, hello)
    assert said == [("Normal", "RollingOut"), ("Normal", "Serving")]


async def test_when_nothing_changes_nothing_is_asked(
    memory: KubeMemory, client: KubeClient, hello: ObjectKey
) -> None:
    settings = controller_settings(hello.namespace)
    await write_function(client, hello, horizontalPodAutoscaler=SCALED)
    async with controllers(memory.access(), settings) as app:
        await roll_out(client, hello)
        await function_with(client, hello, "Ready", "True")
        await settled(app)
        before = memory.storage.revision
    async with controllers(memory.access(), settings) as app:
        await settled(app)
        asked = dict(app.requests())
    writes = {one for one in asked if one[0] in ("patch", "create", "delete")}
    # The operators' token is tried once by who begins to lead, who may not look for it.
    assert writes <= {("create", "secrets")}, asked
    leases = {"create": 0, "update": 4}  # of the two elections
    assert memory.storage.revision - before <= sum(leases.values())


@pytest.mark.usefixtures("app")
@pytest.mark.regression("Kubeless: what is changed by hand in the objects of a function stays so")
async def test_what_is_changed_by_hand_is_put_right(client: KubeClient, hello: ObjectKey) -> None:
    await write_function(client, hello)
    await roll_out(client, hello)
    await function_with(client, hello, "Ready", "True")
    port = {"ports": [{"name": "http-function-port", "port": 1, "targetPort": 1}]}
    await client.patch(SERVICES, hello, {"spec": port})
    await client.patch(CONFIG_MAPS, hello, {"data": {"handler": "other.main"}})
    await client.patch(DEPLOYMENTS, hello, {"metadata": {"labels": {"created-by": None}}})
    await eventually(client, CONFIG_MAPS, hello, data__handler="hello.main")
    await eventually(client, DEPLOYMENTS, hello, **{"metadata__labels__created-by": "kubeless"})

    async def port_now() -> int:
        service = await client.get(SERVICES, hello)
        number: int = service["spec"]["ports"][0]["port"]
        return number

    async with asyncio.timeout(PATIENCE):
        while await port_now() != 8080:
            await eventually(client, SERVICES, hello)


@pytest.mark.usefixtures("app")
async def test_a_deleted_child_comes_back(client: KubeClient, hello: ObjectKey) -> None:
    await write_function(client, hello)
    first = await eventually(client, SERVICES, hello)
    await client.delete(SERVICES, hello)
    async with asyncio.timeout(PATIENCE):
        while (await eventually(client, SERVICES, hello))["metadata"]["uid"] == (
            first["metadata"]["uid"]
        ):
            pass


@pytest.mark.usefixtures("app")
async def test_what_is_not_wanted_any_more_is_removed(client: KubeClient, hello: ObjectKey) -> None:
    await write_function(client, hello, horizontalPodAutoscaler=SCALED)
    for resource in (HORIZONTAL_POD_AUTOSCALERS, POD_DISRUPTION_BUDGETS):
        await eventually(client, resource, hello)
    await write_function(client, hello)
    async with asyncio.timeout(PATIENCE):
        for resource in (HORIZONTAL_POD_AUTOSCALERS, POD_DISRUPTION_BUDGETS):
            while await found(client, resource, hello) is not None:
                await eventually(client, SERVICES, hello)


@pytest.mark.usefixtures("app")
async def test_an_object_of_somebody_else_is_named_and_never_touched(
    client: KubeClient, hello: ObjectKey
) -> None:
    foreign = {
        "metadata": {"namespace": hello.namespace, "name": "hello"},
        "spec": {"ports": [{"name": "web", "port": 80}], "selector": {"app": "web"}},
    }
    made = await client.create(SERVICES, foreign)
    await write_function(client, hello)
    refused = await function_with(client, hello, "Ready", "False", "NameTaken")
    assert condition(refused, "Ready")["message"] == (
        f"Function {hello}: Service {hello} is there already, and nothing says that it was made"
        " for this object; delete it, or give the Function another name"
    )
    assert await client.get(SERVICES, hello) == made
    assert await found(client, DEPLOYMENTS, hello) is None


@pytest.mark.usefixtures("app")
async def test_what_kubeless_made_is_taken_over(client: KubeClient, hello: ObjectKey) -> None:
    labels = {"created-by": "kubeless", "function": "hello"}
    old = {
        "metadata": {"namespace": hello.namespace, "name": "hello", "labels": labels},
        "data": {"handler": "old.main"},
    }
    await client.create(CONFIG_MAPS, old)
    await write_function(client, hello)
    taken = await eventually(client, CONFIG_MAPS, hello, data__handler="hello.main")
    assert taken["metadata"]["ownerReferences"][0]["kind"] == "Function"


@pytest.mark.usefixtures("app")
async def test_what_a_namesake_left_behind_makes_room(client: KubeClient, hello: ObjectKey) -> None:
    owner = {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": "Function",
        "name": "hello",
        "uid": "of-the-former",
        "controller": True,
    }
    metadata = {"namespace": hello.namespace, "name": "hello", "ownerReferences": [owner]}
    await client.create(SERVICES, {"metadata": metadata, "spec": {}})
    written = await write_function(client, hello)
    await function_with(client, hello, "Ready", "Unknown")
    service = await eventually(client, SERVICES, hello)
    owners = [each["uid"] for each in service["metadata"]["ownerReferences"]]
    assert owners == [written["metadata"]["uid"]]


@pytest.mark.usefixtures("app")
async def test_a_mistake_is_a_condition_that_says_what_to_change(
    client: KubeClient, hello: ObjectKey
) -> None:
    await write_function(client, hello, runtime="cobol85")
    refused = await function_with(client, hello, "Ready", "False", "Invalid")
    assert "spec.runtime: there is no runtime 'cobol85'" in condition(refused, "Ready")["message"]
    assert await found(client, DEPLOYMENTS, hello) is None
    await write_function(client, hello)
    await function_with(client, hello, "Ready", "Unknown", "RollingOut")


@pytest.mark.usefixtures("app")
async def test_a_mistake_leaves_the_version_before_at_work(
    client: KubeClient, hello: ObjectKey
) -> None:
    await write_function(client, hello)
    await roll_out(client, hello)
    await function_with(client, hello, "Ready", "True")
    await write_function(client, hello, handler="no dot")
    refused = await function_with(client, hello, "Ready", "False", "Invalid")
    assert condition(refused, "Available")["status"] == "True"
    assert refused["status"]["url"]


async def test_a_failed_step_shows_the_last_lines_of_what_it_said(
    memory: KubeMemory, client: KubeClient, hello: ObjectKey
) -> None:
    said = "\n".join(f"line {number}" for number in range(30))
    end = {"terminated": {"exitCode": 1, "reason": "Error", "message": said}}
    async with controllers(memory.access(), controller_settings(hello.namespace)):
        await write_function(client, hello, deps="no-such-thing==1\n")
        status = {"name": "install", "ready": False, "lastState": end}
        await make_pod(client, hello, initContainerStatuses=[status])
        failed = await function_with(client, hello, "BuildFailed", "True")
    lines = condition(failed, "BuildFailed")["message"].splitlines()
    assert lines[0] == "step install failed (exit code 1):"
    assert lines[1:] == [f"line {number}" for number in range(10, 30)]
    assert condition(failed, "Ready")["reason"] == "BuildFailed"
    assert ("Warning", "BuildFailed") in await events_about(client, hello)


async def test_a_new_controller_does_not_take_back_what_was_told(
    memory: KubeMemory, client: KubeClient, hello: ObjectKey
) -> None:
    settings = controller_settings(hello.namespace)
    end = {"terminated": {"exitCode": 1, "reason": "Error", "message": "no such package"}}
    async with controllers(memory.access(), settings) as app:
        await write_function(client, hello, deps="no-such-thing==1\n")
        status = {"name": "install", "ready": False, "lastState": end}
        await make_pod(client, hello, initContainerStatuses=[status])
        await roll_out(client, hello, readyReplicas=0, availableReplicas=0)
        await function_with(client, hello, "BuildFailed", "True")
        await settled(app)
        told = await found(client, FUNCTIONS, hello)
    async with controllers(memory.access(), settings) as another:
        await settled(another)
        assert await found(client, FUNCTIONS, hello) == told


@pytest.mark.usefixtures("app")
@pytest.mark.regression("Kubeless: its finalizer keeps objects from being deleted when it is gone")
async def test_finalizers_of_kubeless_are_taken_off(client: KubeClient, hello: ObjectKey) -> None:
    old = function_object(*hello)
    old["metadata"]["finalizers"] = ["kubeless.io/function", "example.com/mine"]
    await client.create(FUNCTIONS, old)
    await eventually(client, FUNCTIONS, hello, metadata__finalizers=["example.com/mine"])


@pytest.mark.usefixtures("app")
@pytest.mark.regression("Kubeless: a change of its configuration waits for a restart")
async def test_a_new_configuration_reaches_every_function(
    client: KubeClient, hello: ObjectKey
) -> None:
    await write_function(client, hello)
    await eventually(client, DEPLOYMENTS, hello)
    config = {
        "metadata": {"namespace": hello.namespace, "name": "kubeless-config"},
        "data": {"deployment": '{"metadata": {"annotations": {"team": "shop"}}}'},
    }
    await client.create(CONFIG_MAPS, config)
    await eventually(client, DEPLOYMENTS, hello, metadata__annotations__team="shop")


@pytest.mark.usefixtures("app")
async def test_scaling_is_handed_over_without_a_step_back(
    client: KubeClient, hello: ObjectKey
) -> None:
    await write_function(client, hello, deployment={"spec": {"replicas": 3}})
    await eventually(client, DEPLOYMENTS, hello, spec__replicas=3)
    await write_function(client, hello, horizontalPodAutoscaler=SCALED)
    await eventually(client, HORIZONTAL_POD_AUTOSCALERS, hello)
    made = await eventually(client, DEPLOYMENTS, hello)
    assert made["spec"]["replicas"] == 3


@pytest.mark.usefixtures("app")
@pytest.mark.regression("Kubeless: a change of the runtime alone does nothing")
async def test_the_change_of_any_field_reaches_the_deployment(
    client: KubeClient, hello: ObjectKey
) -> None:
    await write_function(client, hello)
    applied = (await eventually(client, DEPLOYMENTS, hello))["metadata"]["annotations"]
    changes: list[Object] = [
        {"function": "def main(event, context): pass\n"},
        {"handler": "hello.other"},
        {"deps": "requests\n"},
        {"timeout": "7"},
        {"runtime": "python3.12"},
        {"deployment": container(image="example.com/hello:1")},
        {"service": {"ports": [{"name": "web", "port": 80, "targetPort": 9000}]}},
    ]
    for change in changes:
        before = applied[drift.APPLIED]
        await write_function(client, hello, **change)
        async with asyncio.timeout(PATIENCE):
            while applied[drift.APPLIED] == before:
                made = await eventually(client, DEPLOYMENTS, hello)
                applied = made["metadata"]["annotations"]


@pytest.mark.usefixtures("app")
async def test_a_deleted_function_is_let_go(client: KubeClient, hello: ObjectKey) -> None:
    await write_function(client, hello)
    await function_with(client, hello, "Ready", "Unknown")
    await client.delete(FUNCTIONS, hello)
    await client.delete(DEPLOYMENTS, hello)  # as the garbage collector would
    other = ObjectKey(hello.namespace, "other")
    await write_function(client, other)
    await eventually(client, DEPLOYMENTS, other)
    assert await found(client, DEPLOYMENTS, hello) is None


async def test_of_two_replicas_one_works_and_the_other_goes_on(
    memory: KubeMemory, client: KubeClient, hello: ObjectKey
) -> None:
    settings = controller_settings(hello.namespace)
    async with controllers(memory.access(), settings) as second:
        async with controllers(memory.access(), settings) as first:
            await until(lambda: first.leads() or second.leads(), PATIENCE)
            assert not (first.leads() and second.leads())
            await write_function(client, hello)
            await eventually(client, DEPLOYMENTS, hello)
        await settled(second)
        await write_function(client, ObjectKey(hello.namespace, "other"))
        await eventually(client, DEPLOYMENTS, ObjectKey(hello.namespace, "other"))
