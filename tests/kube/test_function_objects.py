"""A real API server takes every object that is made for a function, and its pods."""

from __future__ import annotations

import pytest

from controllers.desired.config import ControllerConfig
from controllers.desired.function import DesiredFunction, desired_objects
from tests.support.functions import SHAPES, function, template
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, key_of
from tidegate.kube.resources import BUILT_IN, NAMESPACES, PODS, Resource

pytestmark = pytest.mark.timeout(180)

RESOURCES = {(each.api_version, each.kind): each for each in BUILT_IN}
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")


async def _namespace(client: KubeClient, name: str) -> None:
    """Make a namespace that refuses every pod with a privilege."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await client.apply(NAMESPACES, {"metadata": {"name": name, "labels": labels}})
    for account in ("default", "hello"):  # nobody makes them where no controllers run
        about = {"name": account, "namespace": name}
        await client.apply(SERVICE_ACCOUNTS, {"metadata": about})


def _wanted(shape: str, namespace: str) -> DesiredFunction:
    return desired_objects(function({"namespace": namespace}, **SHAPES[shape]), ControllerConfig())


async def _apply(client: KubeClient, obj: Object) -> Object:
    return await client.apply(RESOURCES[obj["apiVersion"], obj["kind"]], obj)


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_object_is_taken_and_stays_as_it_is(client: KubeClient, shape: str) -> None:
    namespace = f"objects-{shape}"
    await _namespace(client, namespace)
    wanted = _wanted(shape, namespace)
    first = [await _apply(client, obj) for obj in wanted.objects]
    again = [await _apply(client, obj) for obj in _wanted(shape, namespace).objects]
    versions = [[each["metadata"]["resourceVersion"] for each in some] for some in (first, again)]
    assert versions[0] == versions[1]
    await client.create(PODS, _pod(wanted, namespace))


def _pod(wanted: DesiredFunction, namespace: str) -> Object:
    made = template(wanted)
    about = {**made["metadata"], "name": "one", "namespace": namespace}
    return {"metadata": about, "spec": made["spec"]}


@pytest.mark.regression(
    "Kubeless: what is taken out of a function's template stays in its Deployment"
)
async def test_what_is_not_wanted_any_more_goes(client: KubeClient) -> None:
    namespace = "objects-removed"
    await _namespace(client, namespace)
    for obj in _wanted("everything", namespace).objects:
        await _apply(client, obj)
    for obj in _wanted("text", namespace).objects:
        answer = await _apply(client, obj)
        if obj["kind"] == "Deployment":
            spec = answer["spec"]["template"]["spec"]
            assert "nodeSelector" not in spec
            assert [each["name"] for each in spec["containers"]] == ["hello"]
            assert key_of(answer).name == "hello"
