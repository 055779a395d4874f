"""Triggers on a real API server: made, changed, drifted, deleted, and told about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from controllers.app import ControllerApp
from controllers.kinds import OWN
from controllers.settings import LeaseSettings
from controllers.triggers import trigger_controllers
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import KubeServer
from tests.kube.accounts import SERVICE_ACCOUNTS
from tests.support.controllers import (
    ELECTION,
    PATIENCE,
    condition,
    controller_settings,
    controllers,
    events_about,
    eventually,
    found,
    function_object,
    surroundings,
)
from tests.support.triggers import until_gone, until_says, write
from tests.unit.controllers.desired.golden_trigger_objects import CRON as CRON_SHAPES
from tests.unit.controllers.desired.golden_trigger_objects import HTTP as SHAPES
from tests.unit.controllers.desired.golden_trigger_objects import objects as golden
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey, uid_of, version_of
from tidegate.kube.resources import (
    CRON_JOBS,
    ENDPOINT_SLICES,
    INGRESSES,
    NAMESPACES,
    PODS,
    SERVICES,
)

OTHER: Object = {"function-name": "hello", "path": "other"}
pytestmark = pytest.mark.timeout(240)

HTTP, CRON, KAFKA = OWN["HTTPTrigger"], OWN["CronJobTrigger"], OWN["KafkaTrigger"]
MADE = {name: golden(name)[0] for name in (*SHAPES, *CRON_SHAPES)}
TAKEN = {"Ingress": INGRESSES, "CronJob": CRON_JOBS}
NGINX = "nginx.ingress.kubernetes.io"


@pytest.fixture
async def namespace(admitting: KubeClient) -> str:
    """A namespace of this test, with the controllers' home in it."""
    return await new_namespace(admitting)


@pytest.fixture
async def app(defined: KubeServer, namespace: str) -> AsyncIterator[ControllerApp]:
    around = surroundings((trigger_controllers,))
    async with controllers(defined.access(), controller_settings(namespace), around) as one:
        yield one


async def test_an_ingress_follows_each_field_of_its_trigger(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "shop")
    spec: Object = {"function-name": "shop", "host-name": "a.example.com", "gateway": "nginx"}
    await write(client, HTTP, key, spec=spec)
    ingress = await eventually(client, INGRESSES, key, spec__ingressClassName="nginx")
    assert ingress["spec"]["rules"][0]["host"] == "a.example.com"
    changes: list[tuple[Object, Object]] = [
        ({"host-name": "b.example.com"}, {"host": "b.example.com"}),
        ({"path": "orders"}, {"path": "/orders"}),
        ({"via": "function"}, {"service": {"name": "shop", "port": {"number": 8080}}}),
        ({"tls-secret": "cert"}, {"secretName": "cert"}),
        ({"gateway": "kong"}, {"ingressClassName": "kong"}),
    ]
    for change, seen in changes:
        spec = {**spec, **change}
        await write(client, HTTP, key, spec=spec)
        await _until_contains(client, key, seen)
    await eventually(client, HTTP, key, status__observedGeneration=1 + len(changes))
    told = await until_says(client, HTTP, key, "Published", "True", "Applied")
    assert told["status"]["url"] == "https://b.example.com/orders"


async def _until_contains(client: KubeClient, key: ObjectKey, seen: Object) -> None:
    async with asyncio.timeout(PATIENCE):
        while not _contains((await client.get(INGRESSES, key))["spec"], seen):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def _contains(value: Any, seen: Object) -> bool:
    """Whether `seen` is part of some mapping inside of `value`."""
    if isinstance(value, dict):
        return seen.items() <= value.items() or any(_contains(one, seen) for one in value.values())
    return isinstance(value, list) and any(_contains(one, seen) for one in value)


@pytest.mark.regression("Kubeless: annotations that a trigger does not ask for any more stay")
async def test_annotations_go_with_what_asked_for_them(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "shop")
    spec = {"function-name": "shop", "gateway": "nginx"}
    await write(
        client, HTTP, key, spec={**spec, "cors-enable": True}, annotations={"example.com/a": "b"}
    )
    first = await eventually(client, INGRESSES, key)
    assert first["metadata"]["annotations"].keys() >= {f"{NGINX}/enable-cors", "example.com/a"}
    await write(client, HTTP, key, spec=spec)
    async with asyncio.timeout(PATIENCE):
        while f"{NGINX}/enable-cors" in await _annotations(client, key):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert "example.com/a" not in await _annotations(client, key)


async def _annotations(client: KubeClient, key: ObjectKey) -> Object:
    annotations: Object = (await client.get(INGRESSES, key))["metadata"]["annotations"]
    return annotations


async def test_an_ingress_that_somebody_changed_or_deleted_comes_back(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "shop")
    await write(client, HTTP, key, spec={"function-name": "shop", "host-name": "a.example.com"})
    before = await eventually(client, INGRESSES, key)
    rules = [{"host": "evil.example.com", "http": before["spec"]["rules"][0]["http"]}]
    await client.patch(INGRESSES, key, {"spec": {"rules": rules}})
    await _until_contains(client, key, {"host": "a.example.com"})
    await client.delete(INGRESSES, key)
    async with asyncio.timeout(PATIENCE):
        while uid_of(await found(client, INGRESSES, key) or before) == uid_of(before):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_the_ingress_of_somebody_else_is_left_alone(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "shop")
    backend = {"service": {"name": "theirs", "port": {"number": 80}}}
    foreign = await client.create(
        INGRESSES,
        {
            "metadata": {"namespace": namespace, "name": "shop"},
            "spec": {"defaultBackend": backend},
        },
    )
    await write(client, HTTP, key, spec={"function-name": "shop"})
    told = await until_says(client, HTTP, key, "Published", "False", "NameTaken")
    assert "give the HTTPTrigger another name" in condition(told, "Published")["message"]
    assert version_of(await client.get(INGRESSES, key)) == version_of(foreign)
    assert ("Warning", "NotFound") in await events_about(client, key)


async def test_of_two_that_claim_one_route_the_older_has_it_until_it_goes(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client = admitting
    older, newer = ObjectKey(namespace, "b-older"), ObjectKey(namespace, "c-newer")
    spec = {"function-name": "shop", "host-name": "one.example.com", "path": "x"}
    await write(client, HTTP, older, spec=spec)
    await eventually(client, INGRESSES, older)
    await write(client, HTTP, newer, spec=spec)
    told = await until_says(client, HTTP, newer, "Accepted", "False", "RouteTaken")
    assert "HTTPTrigger" in condition(told, "Accepted")["message"]
    assert await found(client, INGRESSES, newer) is None
    await client.delete(HTTP, older)
    await until_says(client, HTTP, newer, "Accepted", "True", "Valid")
    await eventually(client, INGRESSES, newer)


@pytest.mark.regression("Kubeless: an Ingress it has made keeps its rewrite and its class for ever")
async def test_the_ingress_of_kubeless_is_adopted(
    admitting: KubeClient, defined: KubeServer, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "shop")
    trigger = await write(
        client,
        HTTP,
        key,
        spec={"function-name": "shop", "host-name": "a.example.com", "gateway": "nginx"},
        finalizers=["kubeless.io/httptrigger"],
    )
    await client.create(INGRESSES, _ingress_of_kubeless(trigger))
    settings, around = controller_settings(namespace), surroundings((trigger_controllers,))
    async with controllers(defined.access(), settings, around):
        await until_says(client, HTTP, key, "Published", "True", "Applied")
        ingress = await eventually(client, INGRESSES, key, spec__ingressClassName="nginx")
        async with asyncio.timeout(PATIENCE):
            while f"{NGINX}/rewrite-target" in await _annotations(client, key):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert "kubernetes.io/ingress.class" not in await _annotations(client, key)
        assert ingress["spec"]["rules"][0]["http"]["paths"][0]["pathType"] == "Prefix"
        assert "finalizers" not in (await client.get(HTTP, key))["metadata"]


def _ingress_of_kubeless(trigger: Object) -> Object:
    about = trigger["metadata"]
    owner = {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": "HTTPTrigger",
        "name": about["name"],
        "uid": about["uid"],
    }
    path = {
        "path": "/",
        "pathType": "ImplementationSpecific",
        "backend": {"service": {"name": "shop", "port": {"number": 8080}}},
    }
    return {
        "metadata": {
            "namespace": about["namespace"],
            "name": about["name"],
            "ownerReferences": [owner],
            "annotations": {
                "kubernetes.io/ingress.class": "nginx",
                f"{NGINX}/rewrite-target": "/",
            },
        },
        "spec": {"rules": [{"host": "a.example.com", "http": {"paths": [path]}}]},
    }


async def test_a_cron_job_follows_its_trigger_and_goes_with_its_mode(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "tick")
    spec = {"function-name": "hello", "schedule": "*/5 * * * *", "mode": "cronjob"}
    await write(client, CRON, key, spec={**spec, "payload": {"a": "it's"}})
    job = await eventually(client, CRON_JOBS, key)
    assert job["metadata"]["ownerReferences"][0]["kind"] == "CronJobTrigger"
    await write(client, CRON, key, spec={**spec, "schedule": "0 1 * * *", "suspend": True})
    await eventually(client, CRON_JOBS, key, spec__schedule="0 1 * * *", spec__suspend=True)
    await client.patch(CRON_JOBS, key, {"spec": {"suspend": False}})
    await eventually(client, CRON_JOBS, key, spec__suspend=True)
    await client.patch_status(CRON_JOBS, key, {"lastScheduleTime": "2026-01-01T00:00:00Z"})
    await eventually(client, CRON, key, status__lastScheduleTime="2026-01-01T00:00:00Z")
    await write(client, CRON, key, spec={**spec, "mode": "gateway"})
    await until_gone(client, CRON_JOBS, key)


@pytest.mark.regression("Kubeless: a CronJob it has made is owned by a kind that is not there")
async def test_the_cron_job_of_kubeless_ends_when_its_jobs_have(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "trigger-hello")
    template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "trigger", "image": "curl"}]}
    }
    owner = {"apiVersion": "kubeless.io/v1beta1", "kind": "Trigger", "name": "tick", "uid": "gone"}
    await client.create(
        CRON_JOBS,
        {
            "metadata": {
                "namespace": namespace,
                "name": key.name,
                "labels": {"created-by": "kubeless"},
                "ownerReferences": [owner],
            },
            "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}},
        },
    )
    await write(
        client,
        CRON,
        ObjectKey(namespace, "tick"),
        spec={"function-name": "hello", "schedule": "* * * * *"},
    )
    await until_gone(client, CRON_JOBS, key)


async def test_a_trigger_hears_of_functions_that_come_and_change_their_labels(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "orders")
    selector = {"matchLabels": {"app": "shop"}}
    await write(client, KAFKA, key, spec={"topic": "orders", "functionSelector": selector})
    told = await until_says(client, KAFKA, key, "FunctionFound", "False", "NotFound")
    assert "selects no function" in condition(told, "Ready")["message"]
    made = function_object(namespace, "stock")
    made["metadata"]["labels"] = {"app": "shop"}
    await client.create(OWN["Function"], made)
    await eventually(client, KAFKA, key, status__functions=["stock"])
    await until_says(client, KAFKA, key, "FunctionFound", "True", "Found")
    change = {"metadata": {"labels": {"app": "other"}}}
    await client.patch(OWN["Function"], ObjectKey(namespace, "stock"), change)
    await eventually(client, KAFKA, key, status__functions=[])


async def test_a_quiet_cluster_is_asked_nothing(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "shop")
    await write(client, HTTP, key, spec={"function-name": "shop", "host-name": "a.example.com"})
    await until_says(client, HTTP, key, "Published", "True", "Applied")
    before = version_of(await client.get(HTTP, key))
    other = ObjectKey(namespace, "other")
    await write(client, HTTP, other, spec={"function-name": "shop", "host-name": "b.example.com"})
    await until_says(client, HTTP, other, "Published", "True", "Applied")
    assert version_of(await client.get(HTTP, key)) == before


async def test_the_gateway_is_mirrored_in_another_namespace(
    admitting: KubeClient, defined: KubeServer, namespace: str
) -> None:
    client, home = admitting, await new_namespace(admitting)
    name, key = "tidegate-gateway", ObjectKey(namespace, "front")
    mirrored = ObjectKey(namespace, f"{name}-1")
    around = surroundings((trigger_controllers,))
    settings = replace(controller_settings(namespace), lease=LeaseSettings(home, times=ELECTION))
    await client.create(ENDPOINT_SLICES, _slice(home, name, "192.0.2.1"))
    async with controllers(defined.access(), settings, around):
        await write(client, HTTP, key, spec={"function-name": "hello"})
        await until_says(client, HTTP, key, "Published", "True", "Applied")
        service = await eventually(client, SERVICES, ObjectKey(namespace, name))
        assert "selector" not in service["spec"]
        owner = await client.get(HTTP, key)
        assert [one["uid"] for one in service["metadata"]["ownerReferences"]] == [uid_of(owner)]
        other = await write(client, HTTP, ObjectKey(namespace, "other"), spec=OTHER)
        await _until_owned(client, ObjectKey(namespace, name), {uid_of(owner), uid_of(other)})
        await client.delete(HTTP, ObjectKey(namespace, "other"))
        await _until_owned(client, ObjectKey(namespace, name), {uid_of(owner)})
        made = await eventually(client, ENDPOINT_SLICES, mirrored)
        assert made["metadata"]["ownerReferences"][0]["uid"] == uid_of(service)
        version = version_of(made)
        await client.apply(ENDPOINT_SLICES, _slice(home, name, "192.0.2.2"), force=True)
        await _until_endpoint(client, mirrored, "192.0.2.2")
        await client.patch(ENDPOINT_SLICES, mirrored, {"endpoints": []})
        await _until_endpoint(client, mirrored, "192.0.2.2")
        assert version_of(await client.get(ENDPOINT_SLICES, mirrored)) != version
        await client.delete(HTTP, key)
        await until_gone(client, SERVICES, ObjectKey(namespace, name))
        await until_gone(client, ENDPOINT_SLICES, mirrored)


async def _until_owned(client: KubeClient, key: ObjectKey, owners: set[str]) -> None:
    """Return once the Service belongs to exactly these, and so goes with the last of them."""
    async with asyncio.timeout(PATIENCE):
        while True:
            metadata = (await client.get(SERVICES, key))["metadata"]
            if {one["uid"] for one in metadata["ownerReferences"]} == owners:
                return
            await asyncio.sleep(0.02)


def _slice(namespace: str, service: str, address: str) -> Object:
    labels = {"kubernetes.io/service-name": service}
    return {
        "metadata": {"namespace": namespace, "name": f"{service}-1", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }


async def _until_endpoint(client: KubeClient, key: ObjectKey, address: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            endpoints = (await client.get(ENDPOINT_SLICES, key))["endpoints"] or []
            if [each["addresses"] for each in endpoints] == [[address]]:
                return
            await asyncio.sleep(0.02)


async def test_an_api_server_takes_every_object_and_restricted_pods_of_cron_jobs(
    admitting: KubeClient,
) -> None:
    namespace = await new_namespace(admitting)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await admitting.patch(NAMESPACES, ObjectKey("", namespace), {"metadata": {"labels": labels}})
    await admitting.create(
        SERVICE_ACCOUNTS, {"metadata": {"namespace": namespace, "name": "default"}}
    )
    for name, made in MADE.items():
        for obj in made:
            resource = TAKEN.get(obj["kind"])
            if resource is None:
                continue
            about = {**obj["metadata"], "name": name, "namespace": namespace}
            taken = [await admitting.apply(resource, {**obj, "metadata": about}) for _ in range(2)]
            assert version_of(taken[0]) == version_of(taken[1])
            if resource is CRON_JOBS:
                await _start(admitting, taken[0])


async def _start(client: KubeClient, cron_job: Object) -> None:
    """Make a pod as the Job of a CronJob would."""
    about, template = cron_job["metadata"], cron_job["spec"]["jobTemplate"]["spec"]["template"]
    labels = {**template["metadata"]["labels"], "job-name": f"{about['name']}-1"}
    where = {"namespace": about["namespace"], "name": about["name"], "labels": labels}
    metadata = {**template["metadata"], **where}
    await client.create(PODS, {"metadata": metadata, "spec": template["spec"]})
