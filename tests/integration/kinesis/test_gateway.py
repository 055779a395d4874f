"""Kinesis triggers in a whole gateway, down to the function."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from aiohttp import web

from gateway.settings import Settings
from tests.fakes.function_server import function_server
from tests.fakes.kinesis_server import Operator
from tests.support.gateways import DictSecrets, running_gateway
from tests.support.kinesis import SECRETS, StreamOfTests
from tests.support.kinesis_gateway import at, delivered, on_a_laptop, refusal, trigger
from tests.support.load import Load
from tests.support.waiting import until


class Busy:
    """A function that refuses every tenth call."""

    def __init__(self) -> None:
        self.calls = 0
        self.taken: dict[str, list[int]] = defaultdict(list)

    async def __call__(self, request: web.Request, body: bytes) -> web.Response:
        self.calls += 1
        if self.calls % 10 == 0:
            return web.Response(status=503)
        self.taken[request.headers["ce-partitionkey"]].append(int(body))
        return web.Response()


@pytest.mark.regression("TriggerMesh: keeps no checkpoint of Kinesis")
async def test_records_reach_the_function_in_order_and_once_over_a_restart(
    stream: StreamOfTests, operator: Operator, tmp_path: Path
) -> None:
    load, busy = Load(operator, stream.name), Busy()
    async with function_server(busy) as server:
        for _ in range(2):
            async with running_gateway(
                [trigger(stream.spec())], at(server), on_a_laptop(tmp_path), SECRETS
            ) as running:
                await load.publish(3)
                await delivered(running, 60)
                await until(lambda: running.progress("orders").lag_seconds == 0, timeout=30)
    assert all(numbers == list(range(6)) for numbers in busy.taken.values())
    assert len(busy.taken) == 20
    (first, *_) = server.seen
    assert first.headers["ce-type"] == "com.amazon.kinesis.stream_record"
    assert first.headers["ce-source"].endswith(":stream/orders")
    assert first.headers["event-namespace"] == "kinesistriggers.kubeless.io"


async def test_a_trigger_without_a_place_for_leases_is_refused(stream: StreamOfTests) -> None:
    reason = await refusal(stream.spec(), Settings(), SECRETS)
    assert "set leaseTable to a DynamoDB table of the region" in reason


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "secret default/aws: 'aws_access_key_id' is missing or empty; add it"),
        ({"aws_access_key_id": b"k"}, "'aws_secret_access_key' is missing or empty; add it"),
        ({"aws_access_key_id": b"\xff"}, "its keys are not UTF-8 text; write them anew"),
    ],
)
async def test_a_secret_that_cannot_be_used_is_refused(
    stream: StreamOfTests, tmp_path: Path, content: dict[str, bytes], sentence: str
) -> None:
    secrets = DictSecrets({("default", "aws"): content})
    assert sentence in await refusal(stream.spec(), on_a_laptop(tmp_path), secrets)
