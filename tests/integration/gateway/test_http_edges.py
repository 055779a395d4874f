"""The corners of the front door: what a caller is told, and what a CloudEvent keeps."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.app import Gateway
from gateway.stores.memory import MemoryLedger
from tests.fakes.function_server import function_server
from tests.fakes.ports import free_port
from tests.support.events import subscription
from tests.support.gateways import DictSecrets, running_gateway
from tidegate.api.subscription import HttpRoute, Subscription
from tidegate.cli.gateway_process import GatewayOptions, gateway_settings

CE = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/shop", "ce-type": "order"}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def route(**policy: Any) -> Subscription:
    policy = {"retry": 0, "concurrency": 64, "timeout": 5.0} | policy
    return replace(subscription("web", **policy), source=HttpRoute())


async def test_a_timeout_that_is_not_retried_is_504_all_the_same() -> None:
    async def hang(_: web.Request, __: bytes) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with (
        function_server(hang) as function,
        running_gateway(
            [route(retry=3, retry_timeout=False, timeout=0.2)], {"hello": [function.address]}
        ) as gate,
        gate.client.get(gate.url) as answer,
    ):
        assert answer.status == 504
        assert len(function.seen) == 1


async def test_a_caller_does_not_wait_without_end_for_a_process() -> None:
    async with (
        running_gateway([route(retry=1, backoff_delay=0.01, backoff_max=0.05)]) as gate,
        gate.client.get(gate.url) as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_a_cloudevents_request_goes_on_with_its_callers_trace() -> None:
    async with (
        function_server() as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        await gate.client.post(gate.url, headers=CE | {"traceparent": TRACE})
        (seen,) = function.seen
    assert seen.headers["traceparent"].split("-")[1] == TRACE.split("-")[1]
    assert "ce-traceparent" not in seen.headers


@pytest.mark.parametrize("headers", [STRUCTURED, BATCH])
async def test_json_data_without_a_content_type_arrives_as_json(headers: dict[str, str]) -> None:
    body: Any = {"specversion": "1.0", "id": "8", "source": "/s", "type": "t", "data": [1, 2]}
    async with (
        function_server() as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        data = json.dumps([body] if headers is BATCH else body)
        await gate.client.post(gate.url, data=data, headers=headers)
        (seen,) = function.seen
    assert seen.headers["content-type"] == "application/json"
    assert json.loads(seen.body) == [1, 2]


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
async def test_a_gateway_of_a_cluster_answers_on_both_families(address: str) -> None:
    if address == "[::1]" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    ports = free_port(), free_port()
    options = GatewayOptions("one", port=ports[0], admin_port=ports[1])
    gateway = Gateway(gateway_settings(options), DictSecrets(), MemoryLedger())
    await gateway.start()
    running = asyncio.create_task(gateway.run(), name="gateway of a test")
    try:
        async with aiohttp.ClientSession() as client:
            async with client.get(f"http://{address}:{ports[0]}/any") as answer:
                assert answer.status == 404
            async with client.get(f"http://{address}:{ports[1]}/livez") as answer:
                assert answer.status == 200
    finally:
        gateway.stop()
        await running


def has_ipv6() -> bool:
    """Tell whether this machine has an address of its own in IPv6."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
