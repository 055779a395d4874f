"""Triggers on a real API server: made, changed, drifted, deleted, and told about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controllers.app import ControllerApp
from controllers.desired.trigger import Object
from controllers.kinds import OWN
from controllers.triggers import trigger_controllers
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
    surroundings,
)
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import ObjectKey, uid_of, version_of
from tidegate.kube.resources import CRON_JOBS, INGRESSES, Resource

pytestmark = pytest.mark.timeout(240)

HTTP, CRON, KAFKA = OWN["HTTPTrigger"], OWN["CronJobTrigger"], OWN["KafkaTrigger"]
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


def written(resource: Resource, key: ObjectKey, **about: Any) -> Object:
    """A trigger as a user writes it; `spec` and parts of the metadata are in `about`."""
    spec = about.pop("spec")
    metadata = {"namespace": key.namespace, "name": key.name, **about}
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": spec,
    }


async def write(client: KubeClient, resource: Resource, key: ObjectKey, **about: Any) -> Object:
    """Apply as a user does: what is left out is gone."""
    made = written(resource, key, **about)
    return await client.apply(resource, made, force=True, manager="kubectl")


async def until_says(
    client: KubeClient, resource: Resource, key: ObjectKey, kind: str, status: str, reason: str
) -> Object:
    """Return the trigger once its condition is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            obj = await found(client, resource, key)
            said = condition(obj or {}, kind)
            if obj is not None and (said.get("status"), said.get("reason")) == (status, reason):
                return obj
            await asyncio.sleep(0.02)


async def until_gone(client: KubeClient, resource: Resource, key: ObjectKey) -> None:
    """Return once the object is not there."""
    async with asyncio.timeout(PATIENCE):
        while await found(client, resource, key) is not None:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


async def until_is(client: KubeClient, resource: Resource, key: ObjectKey, **about: Any) -> Object:
    """Return the object once every path such as `spec__rules` has that value."""
    return await eventually(client, resource, key, **about)


async def test_an_ingress_follows_each_field_of_its_trigger(
    admitting: KubeClient, app: ControllerApp, namespace: str
) -> None:
    client, key = admitting, ObjectKey(namespace, "shop")
    spec: Object = {"function-name": "shop", "host-name": "a.example.com", "gateway": "nginx"}
    await write(client, HTTP, key, spec=spec)
    ingress = await until_is(client, INGRESSES, key, spec__ingressClassName="nginx")
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
    await until_is(client, HTTP, key, status__observedGeneration=1 + len(changes))
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
        ingress = await until_is(client, INGRESSES, key, spec__ingressClassName="nginx")
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
    await until_is(client, CRON_JOBS, key, spec__schedule="0 1 * * *", spec__suspend=True)
    await client.patch(CRON_JOBS, key, {"spec": {"suspend": False}})
    await until_is(client, CRON_JOBS, key, spec__suspend=True)
    await client.patch_status(CRON_JOBS, key, {"lastScheduleTime": "2026-01-01T00:00:00Z"})
    await until_is(client, CRON, key, status__lastScheduleTime="2026-01-01T00:00:00Z")
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
    selector = {"matchLabels": {"function": "stock"}}
    await write(client, KAFKA, key, spec={"topic": "orders", "functionSelector": selector})
    told = await until_says(client, KAFKA, key, "FunctionFound", "False", "NotFound")
    assert "selects no function" in condition(told, "Ready")["message"]
    made = function_object(namespace, "stock")
    made["metadata"]["labels"] = {"function": "stock"}
    await client.create(OWN["Function"], made)
    await until_is(client, KAFKA, key, status__functions=["stock"])
    await until_says(client, KAFKA, key, "FunctionFound", "True", "Found")
    change = {"metadata": {"labels": {"function": "other"}}}
    await client.patch(OWN["Function"], ObjectKey(namespace, "stock"), change)
    await until_is(client, KAFKA, key, status__functions=[])


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
