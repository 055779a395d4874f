"""The Secret of those who may operate gateways is made once."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

import controllers.admin_token
from controllers.admin_token import KEY, NAME, AdminToken, admin_secret
from tests.fakes.kube_cluster import client_of, memory_cluster
from tests.support.waiting import until
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import NAMESPACES, SECRETS

PLACE = ObjectKey("tidegate", NAME)


@pytest.fixture
async def client() -> AsyncIterator[KubeClient]:
    async with memory_cluster() as cluster, client_of(cluster) as one:
        await one.create(NAMESPACES, {"metadata": {"name": "tidegate"}})
        yield one


@asynccontextmanager
async def kept(client: KubeClient) -> AsyncIterator[None]:
    task = asyncio.create_task(AdminToken(client, "tidegate").keep())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def there(client: KubeClient) -> Object:
    async with asyncio.timeout(20):
        while (found := await client.find(SECRETS, PLACE)) is None:  # noqa: ASYNC110 - a server
            await asyncio.sleep(0.01)
        return found


async def test_it_is_made_with_a_token_that_nobody_can_guess(client: KubeClient) -> None:
    async with kept(client):
        secret = await there(client)
    assert len(base64.b64decode(secret["data"][KEY])) >= 43
    assert admin_secret(PLACE)["data"] != admin_secret(PLACE)["data"]


async def test_one_that_is_there_is_left_alone(client: KubeClient) -> None:
    before = await client.create(SECRETS, admin_secret(PLACE))
    made = AdminToken(client, "tidegate")
    assert await made._make() == ""
    assert await client.get(SECRETS, PLACE) == before


async def test_one_that_was_removed_is_made_anew(
    client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controllers.admin_token, "AGAIN", 0.02)
    async with kept(client):
        first = await there(client)
        await client.delete(SECRETS, PLACE)
        assert (await there(client))["data"] != first["data"]


async def test_what_is_in_the_way_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(controllers.admin_token, "RETRY", 0.01)
    tries: list[str] = []

    async def refused(self: AdminToken) -> str:
        tries.append("")
        return "creating Secret tidegate/tidegate-admin: forbidden"

    monkeypatch.setattr(AdminToken, "_make", refused)
    async with memory_cluster() as cluster, client_of(cluster) as one:
        with caplog.at_level(logging.WARNING):
            async with kept(one):
                await until(lambda: len(tries) > 3, timeout=20)
    assert caplog.text.count("nobody may operate") == 1
