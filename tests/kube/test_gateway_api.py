"""HTTPRoutes on an API server that has the Gateway API's own definitions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from controllers.app import ControllerApp
from controllers.desired.backend import Front
from controllers.desired.ingress import desired_route
from controllers.kinds import HTTP_ROUTES, OWN
from controllers.triggers import trigger_controllers
from tests.fakes.go_modules import gateway_definitions
from tests.fakes.installed import NotToBeHad
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import KubeServer
from tests.support.api_server import api_server
from tests.support.controllers import (
    condition,
    controller_settings,
    controllers,
    eventually,
    surroundings,
)
from tests.support.definitions import install, install_one
from tests.support.functions import function
from tests.support.triggers import http_trigger, until_gone, until_says, write
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import Object, ObjectKey

HTTP = OWN["HTTPTrigger"]
GATEWAY = {"name": "public", "namespace": "infra", "sectionName": "https"}
ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
SPECS: dict[str, Object] = {
    "every path": {},
    "a path": {"path": "orders/new"},
    "a path in another script": {"path": "gr%C3%B6%C3%9Fe"},
    "a host": {"host_name": "api.example.com"},
    "a host with a wildcard": {"host_name": "*.example.com"},
    "a method": {"methods": ["POST"]},
    "all methods": {"methods": ALL_METHODS, "host_name": "api.example.com", "path": "orders"},
    "a Gateway alone": {"gatewayRef": {"name": "public"}},
    "to the function": {"via": "function", "methods": ["GET"]},
}

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    """A server of these tests alone: others look at what happens without the Gateway API."""
    try:
        files = gateway_definitions()
    except NotToBeHad as error:
        pytest.skip(str(error))
    with api_server(tmp_path_factory.mktemp("gateway-api")) as one:
        asyncio.run(_define(one, files))
        yield one


async def _define(server: KubeServer, files: list[Path]) -> None:
    async with connected(server.access()) as client:
        await install(client)
        for file in files:
            if file.stem.rpartition("_")[2] == HTTP_ROUTES.plural:
                await install_one(client, yaml.safe_load(file.read_text()))


@pytest.mark.parametrize("shape", SPECS)
async def test_every_route_that_is_made_is_taken(server: KubeServer, shape: str) -> None:
    async with connected(server.access()) as client:
        trigger = http_trigger(**{"gatewayRef": GATEWAY, **SPECS[shape]})
        (route,) = desired_route(trigger, function(), Front("tidegate")).objects
        route["metadata"]["namespace"] = await new_namespace(client)
        route["metadata"].pop("ownerReferences")
        taken = await client.apply(HTTP_ROUTES, route)
    assert _without_defaults(taken["spec"], route["spec"]) == route["spec"]


def _without_defaults(taken: Any, wanted: Any) -> Any:
    """Return what the server has of the fields that were wanted: none was dropped or changed."""
    if isinstance(wanted, dict):
        return {name: _without_defaults(taken.get(name), value) for name, value in wanted.items()}
    if isinstance(wanted, list):
        return [_without_defaults(*pair) for pair in zip(taken, wanted, strict=True)]
    return taken


async def test_a_route_follows_its_trigger_and_its_gateway_is_heard(server: KubeServer) -> None:
    async with connected(server.access()) as client:
        key = ObjectKey(await new_namespace(client), "shop")
        async with _controllers(server, key.namespace):
            spec: Object = {"function-name": "shop", "gatewayRef": {"name": "public"}}
            await write(client, HTTP, key, spec=spec)
            await until_says(client, HTTP, key, "Published", "Unknown", "Pending")
            await _answer(client, key, "True", "Accepted")
            await until_says(client, HTTP, key, "Published", "True", "Accepted")
            await _answer(client, key, "False", "NoMatchingListenerHostname")
            await until_says(client, HTTP, key, "Published", "False", "NoMatchingListenerHostname")
            await write(client, HTTP, key, spec={**spec, "host-name": "a.example.com"})
            await eventually(client, HTTP_ROUTES, key, spec__hostnames=["a.example.com"])
            await write(client, HTTP, key, spec={"function-name": "shop"})
            await until_gone(client, HTTP_ROUTES, key)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("methods", ["PURGE"], "PURGE"), ("path", "größe", "must only contain valid characters")],
)
async def test_what_the_gateway_api_does_not_take_is_told(
    server: KubeServer, field: str, value: Any, said: str
) -> None:
    async with connected(server.access()) as client:
        key = ObjectKey(await new_namespace(client), "shop")
        async with _controllers(server, key.namespace):
            spec = {"function-name": "shop", "gatewayRef": {"name": "public"}, field: value}
            await write(client, HTTP, key, spec=spec)
            told = await until_says(client, HTTP, key, "Published", "False", "Refused")
    assert said in condition(told, "Published")["message"]


def _controllers(server: KubeServer, namespace: str) -> AbstractAsyncContextManager[ControllerApp]:
    around = surroundings((trigger_controllers,))
    return controllers(server.access(), controller_settings(namespace), around)


async def _answer(client: KubeClient, key: ObjectKey, status: str, reason: str) -> None:
    """Say what a controller of Gateways says of a route."""
    accepted = {
        "type": "Accepted",
        "status": status,
        "reason": reason,
        "message": "as the test says",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    parent = {
        "controllerName": "example.com/gateways",
        "parentRef": {"name": "public"},
        "conditions": [accepted],
    }
    await client.patch_status(HTTP_ROUTES, key, {"parents": [parent]})
