"""The whole data plane between an HTTP caller and a function's server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from gateway.core.progress import State
from gateway.settings import LifecycleSettings, Settings
from tests.fakes.function_server import breaking_off, function_server
from tests.support.events import subscription as http_subscription
from tests.support.gateways import running_gateway
from tests.support.waiting import until
from tidegate.api.subscription import HttpRoute, Subscription


def route(name: str = "web", **fields: Any) -> Subscription:
    policy = {key: fields.pop(key) for key in tuple(fields) if key not in HttpRoute.__slots__}
    policy = {"retry": 0, "concurrency": 64, "timeout": 5.0} | policy
    return replace(http_subscription(name, **policy), source=HttpRoute(**fields))


CE = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/shop", "ce-type": "order"}


async def test_the_functions_status_headers_and_body_come_back() -> None:
    async def teapot(_: web.Request, body: bytes) -> web.Response:
        return web.Response(status=418, text=body.decode()[::-1], headers={"X-Kind": "pot"})

    async with (
        function_server(teapot) as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
        gate.client.post(gate.url, data=b"abc") as answer,
    ):
        assert (answer.status, await answer.text()) == (418, "cba")
        assert answer.headers["X-Kind"] == "pot"
        assert gate.outcomes("web") == {"delivered": 1}


async def test_sub_path_query_method_and_headers_reach_the_function() -> None:
    async with (
        function_server() as function,
        running_gateway([route(path="/api")], {"hello": [function.address]}) as gate,
    ):
        headers = {"X-Mine": "1", "Connection": "x-hop", "X-Hop": "2", "ce-id": "forged"}
        url = URL(f"{gate.url}/api/a%20b/c?x=1&y=%2F", encoded=True)
        await gate.client.put(url, headers=headers, data=b"z")
        (seen,) = function.seen
    assert (seen.method, seen.path, seen.body) == ("PUT", "/a%20b/c?x=1&y=%2F", b"z")
    assert seen.headers["x-mine"] == "1"
    assert "x-hop" not in seen.headers
    assert seen.headers["x-forwarded-for"] == "127.0.0.1"
    assert seen.headers["x-forwarded-host"].startswith("127.0.0.1:")


async def test_a_plain_request_is_made_into_an_event() -> None:
    async with (
        function_server() as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        await gate.client.post(f"{gate.url}/x", json={"a": 1}, headers={"ce-id": "forged"})
        (seen,) = function.seen
    headers = seen.headers
    assert headers["ce-specversion"] == "1.0"
    assert headers["ce-type"] == "io.kubeless.http.request"
    assert headers["ce-source"].endswith("/namespaces/default/httptriggers/web")
    assert headers["ce-subject"] == "/x"
    assert headers["ce-id"] == headers["event-id"] != "forged"
    assert headers["event-namespace"] == "httptriggers.kubeless.io"
    assert headers["event-type"] == headers["content-type"] == "application/json"
    assert headers["event-time"] == headers["ce-time"]
    assert headers["traceparent"].startswith("00-")
    assert float(headers["x-tidegate-deadline"]) > 0


async def test_a_trace_is_continued() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with (
        function_server() as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        await gate.client.get(gate.url, headers={"traceparent": trace})
        (seen,) = function.seen
    assert seen.headers["traceparent"].split("-")[1] == trace.split("-")[1]
    assert seen.headers["traceparent"] != trace


async def test_a_binary_cloudevent_keeps_its_attributes() -> None:
    async with (
        function_server() as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        headers = CE | {"ce-subject": "gr%C3%BC%C3%9Fe", "ce-region": "eu"}
        await gate.client.post(gate.url, data=b"<a/>", headers=headers | {"Content-Type": "a/xml"})
        (seen,) = function.seen
    assert seen.headers["ce-id"] == "7"
    assert seen.headers["ce-subject"] == "gr%C3%BC%C3%9Fe"
    assert seen.headers["ce-region"] == "eu"
    assert (seen.headers["content-type"], seen.body) == ("a/xml", b"<a/>")


async def test_a_structured_cloudevent_arrives_in_binary_mode() -> None:
    body = {"specversion": "1.0", "id": "8", "source": "/s", "type": "t", "data": {"a": 1}}
    async with (
        function_server() as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        await gate.client.post(gate.url, data=json.dumps(body), headers=headers)
        (seen,) = function.seen
    assert seen.headers["ce-id"] == "8"
    assert json.loads(seen.body) == {"a": 1}


async def test_a_batch_is_delivered_one_by_one_and_reported() -> None:
    async def fail_two(request: web.Request, _: bytes) -> web.Response:
        return web.Response(status=500 if request.headers["ce-id"] == "2" else 200)

    batch = [{"specversion": "1.0", "id": str(n), "source": "/s", "type": "t"} for n in range(4)]
    async with (
        function_server(fail_two) as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        async with gate.client.post(gate.url, data=json.dumps(batch), headers=headers) as answer:
            rows = await answer.json()
            assert answer.status == 502
        async with gate.client.post(gate.url, data="[]", headers=headers) as answer:
            assert (answer.status, await answer.json()) == (200, [])
    outcomes = [row["outcome"] for row in rows]
    assert outcomes.count("delivered") == 3
    assert "error" in rows[2]


async def test_something_that_is_not_a_cloudevent_is_told_what_is_wrong() -> None:
    async with running_gateway([route()]) as gate:
        headers = {"ce-specversion": "1.0", "ce-id": "1"}
        async with gate.client.post(gate.url, headers=headers) as answer:
            assert answer.status == 400
            assert "'source' is missing" in await answer.text()


async def test_an_answer_is_streamed_while_it_is_made() -> None:
    go_on = asyncio.Event()

    async def slowly(request: web.Request, _: bytes) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await go_on.wait()
        await response.write(b"second")
        await response.write_eof()
        return response

    async with (
        function_server(slowly) as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
        gate.client.get(gate.url) as answer,
    ):
        assert await answer.content.readany() == b"first"
        go_on.set()
        assert await answer.content.read() == b"second"


async def test_a_body_over_the_limit_is_413_and_never_reaches_the_function() -> None:
    async with (
        function_server() as function,
        running_gateway([route(body_limit=100)], {"hello": [function.address]}) as gate,
    ):
        async with gate.client.post(gate.url, data=b"x" * 101) as answer:
            assert answer.status == 413
        assert function.seen == []


async def test_a_function_that_does_not_answer_is_504() -> None:
    async def hang(_: web.Request, __: bytes) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with (
        function_server(hang) as function,
        running_gateway([route(timeout=0.2)], {"hello": [function.address]}) as gate,
        gate.client.get(gate.url) as answer,
    ):
        assert answer.status == 504
        assert "no answer in 0.2 s" in await answer.text()
        assert gate.outcomes("web") == {"released": 1}


async def test_no_ready_process_is_503_with_retry_after() -> None:
    async with running_gateway([route()]) as gate, gate.client.get(gate.url) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "no process of it is ready" in await answer.text()


async def test_unknown_paths_are_404_and_other_methods_405() -> None:
    async with running_gateway([route(path="/a", methods=frozenset({"POST"}))]) as gate:
        async with gate.client.get(f"{gate.url}/b") as answer:
            assert answer.status == 404
        async with gate.client.get(f"{gate.url}/a") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_hosts_divide_the_front_door() -> None:
    async with (
        function_server() as function,
        running_gateway(
            [route("one", host="one.example"), route("any")], {"hello": [function.address]}
        ) as gate,
    ):
        for host in ("one.example", "other.example"):
            await gate.client.get(gate.url, headers={"Host": host})
        sources = [seen.headers["ce-source"].rsplit("/", 1)[1] for seen in function.seen]
    assert sources == ["one", "any"]


async def test_a_second_trigger_of_the_same_path_is_refused_by_name() -> None:
    async with running_gateway([route("first")]) as gate:
        await gate.apply(route("first"), route("second"))
        second = gate.progress("second")
        assert second.state is State.REFUSED
        assert "first" in second.reason


async def test_a_caller_who_leaves_cancels_the_call() -> None:
    gone = asyncio.Event()

    async def wait_for_the_end(request: web.Request, _: bytes) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(1000):
                await response.write(b"x")
                await asyncio.sleep(0.01)
        except ConnectionError:
            gone.set()
            raise
        return response

    async with (
        function_server(wait_for_the_end) as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        answer = await gate.client.get(gate.url)
        await answer.content.readany()
        answer.close()
        async with asyncio.timeout(5):
            await gone.wait()
        await until(lambda: gate.outcomes("web") == {"released": 1}, timeout=5)


async def test_an_answer_that_breaks_off_is_cut_off_for_the_caller_too() -> None:
    async with (
        function_server(breaking_off(**{"Content-Length": "10"})) as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        with pytest.raises(aiohttp.ClientError):
            async with gate.client.get(gate.url) as answer:
                await answer.read()
        await until(lambda: gate.outcomes("web") == {"released": 1}, timeout=5)


async def test_retries_stay_hidden_until_the_last_attempt() -> None:
    async def third_time(request: web.Request, _: bytes) -> web.Response:
        return web.Response(status=503 if len(function.seen) < 3 else 200, text="done")

    async with (
        function_server(third_time) as function,
        running_gateway(
            [route(retry=5, backoff_delay=0.01)], {"hello": [function.address]}
        ) as gate,
        gate.client.get(gate.url) as answer,
    ):
        assert (answer.status, await answer.text()) == (200, "done")
        assert len(function.seen) == 3


def held_by(go_on: asyncio.Event) -> Callable[[web.Request, bytes], Awaitable[web.Response]]:
    """A function that answers once it may go on."""

    async def wait(_: web.Request, __: bytes) -> web.Response:
        await go_on.wait()
        return web.Response(text="finished")

    return wait


async def test_a_trigger_that_is_being_changed_says_come_again() -> None:
    go_on = asyncio.Event()
    async with (
        function_server(held_by(go_on)) as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        first = asyncio.create_task(gate.client.get(gate.url))
        await function.until(1)
        gate.gateway.apply([route(concurrency=8)])
        await until(lambda: gate.progress("web").state is State.DRAINING, timeout=5)
        async with gate.client.get(gate.url) as late:
            assert (late.status, late.headers["Retry-After"]) == (503, "1")
        go_on.set()
        async with await first as answer:
            assert await answer.text() == "finished"
        await until(lambda: gate.progress("web").state is State.RUNNING, timeout=5)
        async with gate.client.get(gate.url) as answer:
            assert answer.status == 200


async def test_a_stop_lets_calls_end_and_turns_new_ones_away() -> None:
    go_on = asyncio.Event()
    async with (
        function_server(held_by(go_on)) as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        first = asyncio.create_task(gate.client.get(gate.url))
        await function.until(1)
        gate.gateway.stop()
        async with gate.client.get(gate.url) as late:
            assert late.status == 503
        async with gate.client.get(f"{gate.admin}/readyz") as asked:
            assert (asked.status, await asked.text()) == (503, "not ready")
        go_on.set()
        async with await first as answer:
            assert await answer.text() == "finished"


async def test_a_stop_does_not_wait_for_ever() -> None:
    async def hang(_: web.Request, __: bytes) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    settings = Settings(lifecycle=LifecycleSettings(drain_timeout=0.2))
    async with (
        function_server(hang) as function,
        running_gateway([route()], {"hello": [function.address]}, settings) as gate,
    ):
        call = asyncio.create_task(gate.client.get(gate.url))
        await function.until(1)
        gate.gateway.stop()
        async with await call as answer:
            assert answer.status == 502


async def test_health_metrics_and_subscriptions_are_told() -> None:
    async with (
        function_server() as function,
        running_gateway([route()], {"hello": [function.address]}) as gate,
    ):
        await gate.client.get(gate.url)
        for path in ("livez", "readyz"):
            async with gate.client.get(f"{gate.admin}/{path}") as answer:
                assert answer.status == 200
        async with gate.client.get(f"{gate.admin}/metrics") as answer:
            text = await answer.text()
        async with gate.client.get(f"{gate.admin}/subscriptions") as answer:
            (row,) = await answer.json()
    labels = 'function="hello",kind="HTTPTrigger",namespace="default"'
    assert f'tidegate_settled_total{{{labels},outcome="delivered",trigger="web"}} 1.0' in text
    assert f'tidegate_accounting_drift{{{labels},trigger="web"}} 0.0' in text
    assert (row["state"], row["delivered"], row["drift"]) == ("Running", 1, 0)
