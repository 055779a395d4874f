"""What a cluster tells beside its objects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.fakes.kube_memory import KubeMemory
from tests.support.definitions import KINDS
from tests.support.http_servers import serving
from tests.unit.cli.migrate.shapes import KAFKA_CONTROLLER, MOMENT, function, kafka
from tests.unit.cli.migrate.test_assessment import QPS
from tidegate.cli.migrate.assess import assess
from tidegate.cli.migrate.cluster import age_of, read_cluster, settled_by
from tidegate.cli.migrate.landscape import landscape
from tidegate.kube.access import Access
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import Object
from tidegate.kube.resources import CONFIG_MAPS, DEPLOYMENTS, NAMESPACES


@asynccontextmanager
async def answering(**answers: Object) -> AsyncIterator[KubeClient]:
    """An API server that tells only what it is."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(answers[request.path.strip("/")])

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    async with serving(app) as url, connected(Access(url)) as client:
        yield client


@pytest.mark.parametrize(("group", "left"), [("custom.metrics.k8s.io", 0), ("apps", 1)])
async def test_an_adapter_that_is_there_needs_no_hand(group: str, left: int) -> None:
    tasks = assess(landscape([function(horizontalPodAutoscaler=QPS)]), MOMENT, "here").tasks
    served = {"kind": "APIGroupList", "groups": [{"name": group, "versions": [{"version": "v1"}]}]}
    async with answering(apis=served) as client:
        assert len(await settled_by(client, tasks)) == left


@pytest.mark.parametrize(("version", "left"), [("v1.21.14", 1), ("v1.30.0", 0)])
async def test_an_old_cluster_is_told_to_be_upgraded_or_left(version: str, left: int) -> None:
    async with answering(version={"gitVersion": version}) as client:
        tasks = [*await age_of(client)]
    assert len(tasks) == left
    assert all("--to" in each.fix for each in tasks)


async def test_one_namespace_is_read_with_the_controllers_of_another() -> None:
    server = KubeMemory()
    for resource in KINDS.values():
        server.serve(resource)
    async with server.running(), connected(server.access()) as client:
        for name in ("shop", "other", "kubeless"):
            await client.create(NAMESPACES, {"metadata": {"name": name}})
        for obj in (function(), kafka()):
            await client.create(KINDS[obj["kind"]], obj)
            about = {**obj["metadata"], "namespace": "other"}
            await client.create(KINDS[obj["kind"]], {**obj, "metadata": about})
        await client.create(DEPLOYMENTS, KAFKA_CONTROLLER)
        config = {"metadata": {"namespace": "kubeless", "name": "kubeless-config"}, "data": {}}
        await client.create(CONFIG_MAPS, config)
        land = await read_cluster(client, "shop")
    assert {each["metadata"]["namespace"] for each in land.objects} == {"shop"}
    assert [each.key.name for each in land.controllers] == ["kafka-trigger-controller"]
    assert land.controllers[0].value("KAFKA_BROKERS") == "kafka.events:9092"
    assert land.config is not None
    assert not land.warnings
