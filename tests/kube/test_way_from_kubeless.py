"""The way over from Kubeless on a real API server."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.kube_server import KubeServer
from tests.support.definitions import KINDS
from tests.support.kubeless import condition_of, plant_definitions
from tidegate.cli.cluster.bundle import Variant, bundle
from tidegate.cli.cluster.install import install
from tidegate.kube.client import connected
from tidegate.kube.errors import Invalid
from tidegate.kube.objects import ObjectKey

pytestmark = pytest.mark.timeout(300)


@pytest.mark.regression(
    "Kubernetes: a definition of apiextensions/v1beta1 keeps preserveUnknownFields: true, with "
    "which defaults are refused, unless the one that is applied says false"
)
async def test_definitions_of_long_ago_are_brought_to_ours(own_server: KubeServer) -> None:
    async with connected(own_server.access()) as client:
        await plant_definitions(own_server, client)
        objects = await asyncio.to_thread(bundle, Variant())
        await install(client, objects, lambda _: None, force=True)
        async with asyncio.timeout(60):
            while await condition_of(client, "Function", "NonStructuralSchema") == "True":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        wrong = {"metadata": {"name": "a", "namespace": "default"}, "spec": {"handler": "no-dot"}}
        async with asyncio.timeout(60):
            while True:
                try:
                    await client.create(KINDS["Function"], wrong)
                except Invalid as error:
                    assert "has no dot" in str(error)
                    return
                await client.delete(KINDS["Function"], ObjectKey("default", "a"))
