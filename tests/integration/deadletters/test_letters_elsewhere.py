"""Letters that nobody can read here are said to be elsewhere, and by no word where exactly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from gateway.letters.selection import Selection
from gateway.server.answers import ERROR_HEADER
from gateway.server.dead_letters import DeadLetterRoutes
from tests.support.events import subscription
from tests.support.gateways import Running, running_gateway
from tests.support.http_servers import serving
from tidegate.api.subscription import DeadLetter, OnExhausted

URL = DeadLetter("http", "http://127.0.0.1:9/x?token=secret")
FUNCTION = DeadLetter("function", "mourner")


@asynccontextmanager
async def routes(target: DeadLetter) -> AsyncIterator[tuple[Running, str]]:
    """Run a gateway whose letters go to `target`, and the routes of the command."""
    orders = subscription(dead_letter=target, on_exhausted=OnExhausted.DEAD_LETTER)
    application = web.Application()
    async with running_gateway([orders]) as running:
        DeadLetterRoutes(lambda: running.gateway.dead_letters).extend(application)
        async with serving(application) as url:
            yield running, f"{url}/dead-letters"


@pytest.mark.parametrize(("target", "where"), [(URL, "an URL"), (FUNCTION, "a function")])
async def test_a_list_says_whose_letters_are_elsewhere(target: DeadLetter, where: str) -> None:
    async with routes(target) as (running, url), running.client.get(url) as answer:
        found = await answer.json()
    assert found["letters"] == []
    (said,) = found["elsewhere"]
    assert said.startswith(f"dead letters of default/HTTPTrigger/orders/hello go to {where}; ")
    assert "secret" not in said


async def test_a_trigger_that_was_not_asked_for_is_not_spoken_of() -> None:
    async with routes(URL) as (running, _):
        assert running.gateway.dead_letters.elsewhere(Selection(trigger="another")) == []


@pytest.mark.parametrize("verb", ["redrive", "purge"])
async def test_who_names_such_a_trigger_is_told(verb: str) -> None:
    wish: dict[str, Any] = {"ids": [], "trigger": "orders", "namespace": "", "rate": 1.0}
    async with (
        routes(FUNCTION) as (running, url),
        running.client.post(f"{url}/{verb}", json=wish) as answer,
    ):
        assert (answer.status, answer.headers[ERROR_HEADER]) == (400, "refused")
        assert "can be neither listed nor redriven here" in await answer.text()


async def test_all_that_there_is_may_still_be_asked_for() -> None:
    wish = {"ids": [], "trigger": "", "namespace": "", "all": True}
    async with (
        routes(URL) as (running, url),
        running.client.post(f"{url}/purge", json=wish) as answer,
    ):
        assert await answer.json() == {"purged": 0, "remarks": []}
