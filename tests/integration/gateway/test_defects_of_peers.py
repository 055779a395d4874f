"""Defects that other event gateways have, tried on the whole data plane."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from tests.fakes.function_server import function_server, say_ok
from tests.support.events import subscription
from tests.support.gateways import running_gateway


@pytest.mark.regression("OpenFaaS: calls whatever URL a caller names in X-Callback-Url")
async def test_no_url_that_a_caller_names_is_called() -> None:
    async with (
        function_server() as function,
        function_server() as inside,
        running_gateway([subscription()], {"hello": [function.address]}) as gate,
    ):
        host, port = inside.address
        headers = dict.fromkeys(
            ("X-Callback-Url", "X-Start-Call-Id", "Ce-Replyto", "Location"),
            f"http://{host}:{port}/",
        )
        async with gate.client.post(gate.url, data=b"{}", headers=headers) as answer:
            assert answer.status == 200
        await function.until(1)
        assert inside.seen == []


@pytest.mark.regression("Fission: never closes the answers of attempts that failed")
async def test_attempts_that_fail_give_their_connection_back() -> None:
    callers: set[Any] = set()

    async def fail_for_long(request: web.Request, body: bytes) -> web.StreamResponse:
        assert request.transport is not None
        callers.add(request.transport.get_extra_info("peername"))
        if len(function.seen) < 20:
            return web.Response(status=500, body=b"x" * 5000)
        return await say_ok(request, body)

    one = subscription(retry=30, backoff_delay=0.001, backoff_max=0.002, timeout=20.0)
    async with (
        function_server(fail_for_long) as function,
        running_gateway([one], {"hello": [function.address]}) as gate,
        gate.client.post(gate.url, data=b"{}") as answer,
    ):
        assert (answer.status, len(function.seen)) == (200, 20)
    assert len(callers) == 1
