"""Triggers become what they need, on an API server in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from controllers.app import ControllerApp
from controllers.kinds import HTTP_ROUTES, OWN
from controllers.settings import ControllerSettings, GatewaySettings, LeaseSettings, ReportSettings
from controllers.triggers import trigger_controllers
from tests.fakes.kube_cluster import memory_server, new_namespace
from tests.fakes.kube_memory import KubeMemory
from tests.support.controllers import (
    ELECTION,
    PATIENCE,
    condition,
    controller_settings,
    controllers,
    eventually,
    function_object,
    surroundings,
)
from tests.support.http_servers import serving
from tests.support.triggers import until_gone, until_says, write
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey, version_of
from tidegate.kube.resources import CRON_JOBS, ENDPOINT_SLICES, INGRESSES, SERVICES
from tidegate.kube.selection import Selection

HTTP, KAFKA, CRON = OWN["HTTPTrigger"], OWN["KafkaTrigger"], OWN["CronJobTrigger"]
FUNCTION = OWN["Function"]
NAME = "tidegate-gateway"
SELECTOR = {"matchLabels": {"function": "stock"}}


@pytest.fixture
async def memory() -> AsyncIterator[KubeMemory]:
    async with memory_server(OWN.values()) as server:
        yield server


@pytest.fixture
async def shop(client: KubeClient) -> str:
    """The namespace of the triggers."""
    return await new_namespace(client)


@pytest.fixture
async def settings(client: KubeClient, shop: str) -> ControllerSettings:
    """Those of a controller with its gateway in a namespace of their own."""
    home = await new_namespace(client)
    return replace(
        controller_settings(shop),
        lease=LeaseSettings(home, times=ELECTION),
        gateway=GatewaySettings(reports=ReportSettings(interval=0.05, numbers=0.0)),
    )


@pytest.fixture
async def app(memory: KubeMemory, settings: ControllerSettings) -> AsyncIterator[ControllerApp]:
    around = surroundings((trigger_controllers,))
    async with controllers(memory.access(), settings, around) as one:
        yield one


def slice_of(namespace: str, service: str, address: str, port: int) -> Object:
    return {
        "metadata": {
            "namespace": namespace,
            "name": f"{service}-1",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }


@asynccontextmanager
async def admin(rows: list[dict[str, Any]]) -> AsyncIterator[int]:
    """The admin server of a gateway; yields its port."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(rows)

    application = web.Application()
    application.router.add_get("/subscriptions", answer)
    async with serving(application) as url:
        yield int(url.rpartition(":")[2])


def told(shop: str, state: str = "Running", **more: Any) -> dict[str, Any]:
    return {
        "kind": "KafkaTrigger",
        "namespace": shop,
        "name": "orders",
        "function": "stock",
        "state": state,
        **more,
    }


async def feed(client: KubeClient, shop: str, **spec: Any) -> ObjectKey:
    """Make a function and a trigger that feeds it."""
    function = function_object(shop, "stock")
    function["metadata"]["labels"] = {"function": "stock"}
    await client.create(FUNCTION, function)
    key = ObjectKey(shop, "orders")
    await write(client, KAFKA, key, spec={"topic": "t", "functionSelector": SELECTOR, **spec})
    return key


async def test_what_a_gateway_tells_reaches_the_status(
    client: KubeClient, app: ControllerApp, shop: str, settings: ControllerSettings
) -> None:
    home = settings.lease.namespace
    rows = [told(shop, lagEvents=5, lastEvent="2026-01-01T00:00:00Z")]
    async with admin(rows) as port:
        await client.create(ENDPOINT_SLICES, slice_of(home, f"{NAME}-admin", "127.0.0.1", port))
        key = await feed(client, shop)
        await until_says(client, KAFKA, key, "Ready", "True", "Working")
        status = (await eventually(client, KAFKA, key, status__lag=5))["status"]
        assert status["lastEvent"] == "2026-01-01T00:00:00Z"
        assert (status["functions"], status["assignedReplicas"]) == (["stock"], 1)
        rows[:] = [told(shop, parts=4)]
        await eventually(client, KAFKA, key, status__usableReplicas=4)
        rows[:] = [told(shop, parked=3, lastError="the function answered 500")]
        said = await until_says(client, KAFKA, key, "Ready", "False", "Parked")
        assert "the function answered 500" in condition(said, "Delivering")["message"]
        rows.clear()
        await until_says(client, KAFKA, key, "Ready", "Unknown", "NotReported")


async def test_a_missing_secret_is_a_condition_of_its_own(
    client: KubeClient, app: ControllerApp, shop: str, settings: ControllerSettings
) -> None:
    rows = [told(shop, "BackingOff", missingSecrets=["login"])]
    async with admin(rows) as port:
        where = slice_of(settings.lease.namespace, f"{NAME}-admin", "127.0.0.1", port)
        await client.create(ENDPOINT_SLICES, where)
        key = await feed(client, shop, secret="login")
        said = await until_says(client, KAFKA, key, "SecretFound", "False", "NotFound")
        assert "no Secret login" in condition(said, "SecretFound")["message"]
        rows[:] = [told(shop, "BackingOff", missingSecrets=[], reason="its secret is refused")]
        await until_says(client, KAFKA, key, "SecretFound", "True", "Found")


async def test_a_secret_for_the_ingress_is_a_condition_once_a_gateway_has_looked(
    client: KubeClient, app: ControllerApp, shop: str, settings: ControllerSettings
) -> None:
    key = ObjectKey(shop, "orders")
    rows = [told(shop, kind="HTTPTrigger")]
    async with admin(rows) as port:
        where = slice_of(settings.lease.namespace, f"{NAME}-admin", "127.0.0.1", port)
        await client.create(ENDPOINT_SLICES, where)
        spec = {"function-name": "stock", "host-name": "a.example.com", "tls-secret": "cert"}
        await write(client, HTTP, key, spec=spec)
        said = await until_says(client, HTTP, key, "Delivering", "True", "Running")
        assert condition(said, "SecretFound") == {}
        rows[:] = [told(shop, kind="HTTPTrigger", missingSecrets=["cert"])]
        await until_says(client, HTTP, key, "SecretFound", "False", "NotFound")
        rows[:] = [told(shop, kind="HTTPTrigger", missingSecrets=[])]
        await until_says(client, HTTP, key, "SecretFound", "True", "Found")


async def test_what_a_schedule_fired_last_is_in_the_status(
    client: KubeClient, app: ControllerApp, shop: str, settings: ControllerSettings
) -> None:
    key, fired = ObjectKey(shop, "orders"), "2026-01-01T00:05:00Z"
    rows = [told(shop, kind="CronJobTrigger", lastScheduleTime=fired)]
    async with admin(rows) as port:
        where = slice_of(settings.lease.namespace, f"{NAME}-admin", "127.0.0.1", port)
        await client.create(ENDPOINT_SLICES, where)
        await write(client, CRON, key, spec={"function-name": "stock", "schedule": "@hourly"})
        await eventually(client, CRON, key, status__lastScheduleTime=fired)
        rows[:] = [told(shop, kind="CronJobTrigger", lagEvents=1)]
        await eventually(client, CRON, key, status__lag=1, status__lastScheduleTime=fired)


async def test_a_new_leader_forgets_nothing_that_was_told(
    memory: KubeMemory, client: KubeClient, shop: str, settings: ControllerSettings
) -> None:
    around = surroundings((trigger_controllers,))
    async with admin([told(shop, lagEvents=5)]) as port:
        where = slice_of(settings.lease.namespace, f"{NAME}-admin", "127.0.0.1", port)
        await client.create(ENDPOINT_SLICES, where)
        async with controllers(memory.access(), settings, around):
            key = await feed(client, shop)
            await until_says(client, KAFKA, key, "Ready", "True", "Working")
            before = version_of(await eventually(client, KAFKA, key, status__lag=5))
        other = ObjectKey(shop, "other")
        async with controllers(memory.access(), settings, around):
            spec = {"topic": "t", "functionSelector": SELECTOR}
            await write(client, KAFKA, other, spec=spec)
            await until_says(client, KAFKA, other, "Ready", "Unknown", "NotReported")
            assert version_of(await client.get(KAFKA, key)) == before


async def test_the_gateway_is_mirrored_where_triggers_are(
    client: KubeClient, app: ControllerApp, shop: str, settings: ControllerSettings
) -> None:
    home, service = settings.lease.namespace, ObjectKey(shop, NAME)
    theirs = slice_of(home, NAME, "10.0.0.1", 8080)
    await client.create(ENDPOINT_SLICES, theirs)
    key = ObjectKey(shop, "front")
    await write(client, HTTP, key, spec={"function-name": "hello"})
    await until_says(client, HTTP, key, "Published", "True", "Applied")
    mirrored = ObjectKey(shop, f"{NAME}-1")
    made = await eventually(client, ENDPOINT_SLICES, mirrored, endpoints=theirs["endpoints"])
    assert made["metadata"]["labels"]["kubernetes.io/service-name"] == NAME
    moved = slice_of(home, NAME, "10.0.0.2", 8080)
    await client.apply(ENDPOINT_SLICES, moved, force=True)
    await eventually(client, ENDPOINT_SLICES, mirrored, endpoints=moved["endpoints"])
    await client.delete(ENDPOINT_SLICES, mirrored)
    await eventually(client, ENDPOINT_SLICES, mirrored, endpoints=moved["endpoints"])
    await client.delete(HTTP, key)
    await until_gone(client, SERVICES, service)
    await until_gone(client, ENDPOINT_SLICES, mirrored)


async def test_a_trigger_past_the_gateway_needs_no_mirror(
    client: KubeClient, app: ControllerApp, shop: str
) -> None:
    key = ObjectKey(shop, "front")
    await write(client, HTTP, key, spec={"function-name": "hello", "via": "function"})
    said = await until_says(client, HTTP, key, "Published", "True", "Applied")
    assert condition(said, "Delivering") == {}
    assert (await client.list(Selection(SERVICES, shop))).items == []


async def test_the_service_of_somebody_else_is_not_taken_for_a_mirror(
    client: KubeClient, app: ControllerApp, shop: str
) -> None:
    theirs = {
        "metadata": {"namespace": shop, "name": NAME, "labels": {"created-by": "kubeless"}},
        "spec": {"ports": [{"port": 80}]},
    }
    before = version_of(await client.create(SERVICES, theirs))
    key = ObjectKey(shop, "front")
    await write(client, HTTP, key, spec={"function-name": "hello"})
    said = await until_says(client, HTTP, key, "Published", "Unknown", "NoBackend")
    assert f"{shop}/{NAME}" in condition(said, "Published")["message"]
    assert version_of(await client.get(SERVICES, ObjectKey(shop, NAME))) == before


async def test_an_http_route_waits_for_its_api_and_for_its_gateway(
    memory: KubeMemory, client: KubeClient, app: ControllerApp, shop: str
) -> None:
    key = ObjectKey(shop, "front")
    spec = {"function-name": "hello", "gatewayRef": {"name": "public"}}
    await write(client, HTTP, key, spec=spec)
    said = await until_says(client, HTTP, key, "Published", "False", "NotServed")
    assert "httproutes" in condition(said, "Published")["message"]
    memory.serve(HTTP_ROUTES)
    await write(client, HTTP, key, spec={**spec, "path": "x"})
    route = await eventually(client, HTTP_ROUTES, key)
    assert route["spec"]["rules"][0]["backendRefs"] == [{"name": NAME, "port": 8080}]


async def test_a_trigger_that_cannot_be_read_says_why(
    client: KubeClient, app: ControllerApp, shop: str
) -> None:
    key = ObjectKey(shop, "tick")
    await write(client, CRON, key, spec={"function-name": "hello", "schedule": "0 0 30 2 *"})
    said = await until_says(client, CRON, key, "Accepted", "False", "Invalid")
    assert condition(said, "Ready")["message"].startswith("spec.schedule: ")


async def test_a_schedule_has_a_zone(client: KubeClient, app: ControllerApp, shop: str) -> None:
    key = ObjectKey(shop, "tick")
    spec = {"function-name": "hello", "schedule": "0 3 * * *", "timeZone": "Africa/Lagos"}
    await write(client, CRON, key, spec={**spec, "mode": "cronjob"})
    await until_says(client, CRON, key, "Scheduled", "True", "Applied")
    await eventually(client, CRON_JOBS, key, spec__timeZone="Africa/Lagos")


async def test_what_was_published_stays_while_its_trigger_cannot_be_read(
    client: KubeClient, app: ControllerApp, shop: str
) -> None:
    key = ObjectKey(shop, "front")
    await write(client, HTTP, key, spec={"function-name": "hello"})
    before = version_of(await eventually(client, INGRESSES, key))
    await write(client, HTTP, key, spec={"function-name": "hello", "unknown": 1})
    await until_says(client, HTTP, key, "Accepted", "False", "Invalid")
    assert version_of(await client.get(INGRESSES, key)) == before


@pytest.mark.regression("Kubeless: whoever deletes a function loses its triggers, too")
@pytest.mark.regression("Kubeless: an Ingress is given up when the function comes later")
async def test_a_trigger_outlives_its_function(
    client: KubeClient, app: ControllerApp, shop: str
) -> None:
    key, hello = ObjectKey(shop, "front"), ObjectKey(shop, "hello")
    await write(client, HTTP, key, spec={"function-name": "hello"})
    await until_says(client, HTTP, key, "FunctionFound", "False", "NotFound")
    await eventually(client, INGRESSES, key)
    await client.create(FUNCTION, function_object(shop))
    await until_says(client, HTTP, key, "FunctionFound", "True", "Found")
    await client.delete(FUNCTION, hello)
    await until_says(client, HTTP, key, "FunctionFound", "False", "NotFound")
    assert await client.get(INGRESSES, key)


@pytest.mark.regression("Kubeless: a cron job keeps the port and the timeout of an old function")
@pytest.mark.regression("Kubeless: two schedules of one function overwrite each other's job")
async def test_cron_jobs_follow_the_function_of_their_triggers(
    client: KubeClient, app: ControllerApp, shop: str
) -> None:
    ports = {"ports": [{"port": 80, "targetPort": 8080}]}
    await client.create(FUNCTION, function_object(shop, service=ports, timeout="20"))
    keys = [ObjectKey(shop, name) for name in ("early", "late")]
    for key in keys:
        spec = {"function-name": "hello", "schedule": "@daily", "mode": "cronjob"}
        await write(client, CRON, key, spec=spec)
        await until_calls(client, key, f"http://hello.{shop}.svc:80", "20")
    other = {"ports": [{"port": 81, "targetPort": 8080}]}
    change = {"spec": {"service": other, "timeout": "40"}}
    await client.patch(FUNCTION, ObjectKey(shop, "hello"), change)
    for key in keys:
        await until_calls(client, key, f"http://hello.{shop}.svc:81", "40")


async def until_calls(client: KubeClient, key: ObjectKey, url: str, timeout: str) -> None:
    """Return once the CronJob calls there, and waits for so long."""
    async with asyncio.timeout(PATIENCE):
        while await called_by(client, key) != (url, timeout):  # noqa: ASYNC110 - a server
            await asyncio.sleep(0.02)


async def called_by(client: KubeClient, key: ObjectKey) -> tuple[str, str]:
    job = await eventually(client, CRON_JOBS, key)
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    variables = {one["name"]: one.get("value", "") for one in pod["containers"][0]["env"]}
    return variables["URL"], variables["TIMEOUT"]
