"""What the routes of topics refuse before any broker is asked."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.server.answers import ERROR_HEADER
from gateway.server.topics import TopicRoutes
from gateway.settings import KafkaSettings
from tests.fakes.ports import free_port
from tests.support.http_servers import serving


async def refused(path: str, body: Any) -> str:
    """Send a request that is refused; return the sentence."""
    application = web.Application()
    TopicRoutes(lambda: pytest.fail("the brokers were asked")).extend(application)
    async with (
        serving(application) as url,
        aiohttp.ClientSession(url) as session,
        session.post(path, json=body) as answer,
    ):
        assert (answer.status, answer.headers[ERROR_HEADER]) == (400, "refused")
        return await answer.text()


async def test_brokers_that_are_away_are_named_with_the_setting_that_names_others() -> None:
    settings = KafkaSettings(brokers=(f"127.0.0.1:{free_port()}",), connect_timeout=5.0)
    application = web.Application()
    TopicRoutes(lambda: settings).extend(application)
    async with (
        serving(application) as url,
        aiohttp.ClientSession(url) as session,
        session.get("/topics") as answer,
    ):
        said = await answer.text()
        assert (answer.status, answer.headers[ERROR_HEADER]) == (503, "unavailable")
    assert said.startswith(f"listing topics: the brokers {settings.brokers[0]} do not answer: ")
    assert "by KAFKA_BROKERS, in the environment of `tidegate up` or, in a cluster, of" in said


@pytest.mark.parametrize("field", ["partitions", "replicas"])
@pytest.mark.parametrize("count", [[1], {"a": 1}, "three", 1.5, True, 10**9])
async def test_a_count_that_is_none_is_refused(field: str, count: object) -> None:
    assert await refused("/topics", {"name": "orders", field: count}) == (
        f"{field}: {count!r} is no whole number from 1 to 100000"
    )


@pytest.mark.parametrize("headers", [3, "words", ["a"], [["a", "b"]]])
async def test_headers_that_are_no_object_are_refused(headers: object) -> None:
    assert "headers" in await refused("/topics/orders/records", {"headers": headers})


@pytest.mark.parametrize("field", ["key", "value"])
@pytest.mark.parametrize("text", ["a", "\u00e9\u00e9\u00e9\u00e9", 3])
async def test_what_is_no_base64_is_refused(field: str, text: object) -> None:
    assert "base64" in await refused("/topics/orders/records", {field: text})
