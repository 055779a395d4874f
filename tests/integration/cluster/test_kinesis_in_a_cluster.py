"""Kinesis triggers as objects of a cluster, with the leases of their shards in objects of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.cluster.leftovers import Leftovers
from tests.fakes.aws_emulator import Emulators
from tests.fakes.kinesis_server import KEYS, REGION, KinesisServer, Operator
from tests.integration.cluster.conftest import PATIENCE, Plane
from tests.support.cluster import custom, secret
from tests.support.kinesis import streams_of
from tidegate.kube.objects import Object

pytestmark = pytest.mark.timeout(300)

KIND = "KinesisTrigger"


@pytest.fixture(scope="session")
def server(emulators: Emulators) -> KinesisServer:
    return streams_of(emulators, KinesisServer)


@pytest.fixture
async def operator(server: KinesisServer) -> AsyncIterator[Operator]:
    async with server.operator() as one:
        yield one
        await one.delete_all()


def trigger(plane: Plane, server: KinesisServer, stream: str) -> Object:
    """A trigger that reads a stream from its beginning."""
    return custom(KIND, plane.namespace, "orders", {
        "function-name": "hello",
        "stream": stream,
        "aws-region": REGION,
        "endpoint": server.url,
        "secret": "aws",
        "startingPosition": "TRIM_HORIZON",
        "delivery": {"backoffDelay": "50ms"},
    })  # fmt: skip


async def put(operator: Operator, stream: str, *bodies: str) -> None:
    """Write records, each with a key of its own."""
    await operator.put(stream, [(body, body.encode()) for body in bodies])


async def shards_of(plane: Plane) -> list[dict[str, list[object]]]:
    """Return the leases of each object that keeps some, but for where a stream began."""
    tables = [one["metadata"]["annotations"] for one in await plane.kept()]
    read = [json.loads(one["tidegate.io/shards"]) for one in tables]
    return [one for one in read if "start" not in one]


async def owners_of(plane: Plane) -> list[object]:
    """Return who holds the leases that there are; empty for nobody."""
    return [lease[2] for table in await shards_of(plane) for lease in table.values()]


async def test_a_kinesis_trigger_is_followed_from_its_first_event_to_its_end(
    plane: Plane, server: KinesisServer, operator: Operator
) -> None:
    await operator.create("new", shards=2)
    await operator.create("old")
    await put(operator, "new", "1", "2", "3")
    await plane.stage.apply(trigger(plane, server, "new"))
    await plane.until_condition(KIND, "SecretFound", "False", "NotFound")
    await plane.stage.apply(secret(plane.namespace, "aws", **KEYS))
    await plane.until_given("1", "2", "3")
    await plane.until_condition(KIND, "SecretFound", "True", "Found")
    await plane.until_condition(KIND, "Ready", "True", "Working")
    await plane.until_status(KIND, functions=["hello"], assignedReplicas=1, usableReplicas=2)
    await plane.until_told(KIND, "lastEvent", "Z")
    (leases,) = await shards_of(plane)
    assert len(leases) == 2

    await plane.stage.apply(trigger(plane, server, "old"))
    await plane.until_reads("'old'")
    await put(operator, "new", "4")
    await put(operator, "old", "5")
    await plane.until_given("1", "2", "3", "5")
    await plane.stage.apply(trigger(plane, server, "new"))
    await plane.until_given("1", "2", "3", "5", "4")
    await plane.until_status(KIND, usableReplicas=2)

    await plane.stage.delete(trigger(plane, server, "new"))
    await plane.gateway.until_runs()
    async with asyncio.timeout(PATIENCE):
        while any(owner for owner in await owners_of(plane)):  # noqa: ASYNC110 - a server
            await asyncio.sleep(0.1)
    assert len(await owners_of(plane)) == 3
    known = Leftovers(plane.client, plane.home, lambda _: False)
    await known.remove(datetime.now(UTC) + timedelta(days=8))
    assert await plane.kept() == []
