"""The controllers as a process, and the configuration that they follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from controllers.app import ControllerApp
from controllers.reconcilers.function import FUNCTIONS
from controllers.settings import ConfigSettings
from tests.fakes.kube_cluster import config_map, memory_server, new_namespace
from tests.fakes.kube_memory import KubeMemory
from tests.support.controllers import (
    PATIENCE,
    controller_settings,
    controllers,
    eventually,
    found,
    function_object,
    function_with,
    settled,
    surroundings,
)
from tidegate.api.crds import definition
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS


@pytest.fixture
async def memory() -> AsyncIterator[KubeMemory]:
    async with memory_server([FUNCTIONS]) as server:
        yield server


async def _configure(client: KubeClient, namespace: str, **entries: str) -> None:
    made = config_map(namespace, "kubeless-config", **entries)
    await client.apply(CONFIG_MAPS, made, force=True)


async def test_functions_of_every_namespace_run_unless_one_is_named(
    memory: KubeMemory, client: KubeClient
) -> None:
    home, shop, other = [await new_namespace(client) for _ in range(3)]
    for namespace in (shop, other):
        await client.create(FUNCTIONS, function_object(namespace))
    settings = replace(controller_settings(home), functions_namespace="")
    await _configure(client, home, **{"functions-namespace": shop})
    async with controllers(memory.access(), settings) as app:
        await eventually(client, DEPLOYMENTS, ObjectKey(shop, "hello"))
        await settled(app)
        assert await found(client, DEPLOYMENTS, ObjectKey(other, "hello")) is None
    await client.delete(CONFIG_MAPS, ObjectKey(home, "kubeless-config"))
    async with controllers(memory.access(), settings):
        await eventually(client, DEPLOYMENTS, ObjectKey(other, "hello"))


async def test_the_configuration_is_where_the_definition_of_functions_says(
    memory: KubeMemory, client: KubeClient, caplog: pytest.LogCaptureFixture
) -> None:
    home, old, shop, other = [await new_namespace(client) for _ in range(4)]
    for namespace in (shop, other):
        await client.create(FUNCTIONS, function_object(namespace))
    annotations = {"kubeless.io/namespace": old, "kubeless.io/config": "settings"}
    defined = definition("Function")
    defined["metadata"]["annotations"] = annotations
    await client.apply(CUSTOM_RESOURCE_DEFINITIONS, defined)
    given = controller_settings(home)
    settings = replace(given, functions_namespace="", config=ConfigSettings())
    async with controllers(memory.access(), settings):
        await eventually(client, DEPLOYMENTS, ObjectKey(other, "hello"))
    assert f"ConfigMap {old}/settings: named by functions.kubeless.io, and not there" in caplog.text
    await client.delete(DEPLOYMENTS, ObjectKey(other, "hello"))
    made = config_map(old, "settings", **{"functions-namespace": shop})
    await client.apply(CONFIG_MAPS, made, force=True)
    async with controllers(memory.access(), settings) as app:
        await eventually(client, DEPLOYMENTS, ObjectKey(shop, "hello"))
        await settled(app)
        assert await found(client, DEPLOYMENTS, ObjectKey(other, "hello")) is None


async def test_a_change_of_the_namespace_ends_the_run_so_that_another_begins(
    memory: KubeMemory, client: KubeClient
) -> None:
    home, shop = [await new_namespace(client) for _ in range(2)]
    settings = replace(controller_settings(home), functions_namespace="")
    app = ControllerApp(settings, memory.access(), surroundings())
    task = asyncio.create_task(app.run(), name="controllers of a test")
    await settled(app)
    await _configure(client, home, **{"functions-namespace": shop})
    async with asyncio.timeout(PATIENCE):
        await task
    assert not app.leads()


async def test_a_configuration_that_cannot_be_read_changes_nothing(
    memory: KubeMemory, client: KubeClient, caplog: pytest.LogCaptureFixture
) -> None:
    home = await new_namespace(client)
    await _configure(client, home, deployment='{"metadata": {"annotations": {"team": "shop"}}}')
    await client.create(FUNCTIONS, function_object(home))
    key = ObjectKey(home, "hello")
    async with controllers(memory.access(), controller_settings(home)):
        first = await eventually(client, DEPLOYMENTS, key, metadata__annotations__team="shop")
        await _configure(client, home, deployment="{", **{"service-type": "NodePort"})
        other = ObjectKey(home, "other")
        await client.create(FUNCTIONS, function_object(*other))
        await eventually(client, DEPLOYMENTS, other, metadata__annotations__team="shop")
        now = await client.get(DEPLOYMENTS, key)
    assert now["metadata"]["generation"] == first["metadata"]["generation"]
    assert f"ConfigMap {home}/kubeless-config: deployment" in caplog.text


async def test_who_reads_the_metrics_sees_what_was_asked(
    memory: KubeMemory, client: KubeClient
) -> None:
    home = await new_namespace(client)
    await client.create(FUNCTIONS, function_object(home))
    async with controllers(memory.access(), controller_settings(home)) as app:
        await function_with(client, ObjectKey(home, "hello"), "Ready", "Unknown")
        await settled(app)
        assert app.waits_for() == []
        text = app.metrics()().decode()
    assert 'tidegate_controller_reconciles_total{controller="function",outcome="success"}' in text
    assert 'tidegate_controller_watch_up{resource="functions.kubeless.io"} 1.0' in text
    assert 'api_requests_total{resource="functions/status",verb="patch"} 1.0' in text
