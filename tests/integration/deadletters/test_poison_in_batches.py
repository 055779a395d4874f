"""Poison in a batch is found, whichever broker it came from, and the rest is delivered once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from gateway.letters.lines import letter_from_line
from tests.fakes.function_server import function_server
from tests.integration.deadletters.brokers import BROKERS, Broker, broker_of
from tests.support.gateways import running_gateway
from tests.support.waiting import until
from tidegate.api.subscription import Batch

POISON = frozenset((3, 11, 12))
ORDERS = range(40)
BATCH = Batch(max_events=8, max_bytes=65536, max_wait=0.2)


@pytest.fixture(params=BROKERS)
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    async with broker_of(request.param, tmp_path) as one:
        yield one


class Function:
    """Takes batches without poison; of others it names the poison, or just fails."""

    def __init__(self, names_it: bool) -> None:
        self.names_it = names_it
        self.taken: Counter[int] = Counter()
        self.largest = 0

    async def __call__(self, _: web.Request, body: bytes) -> web.Response:
        batch = json.loads(body)
        self.largest = max(self.largest, len(batch))
        poison = [one["id"] for one in batch if one["data"] in POISON]
        if poison and not self.names_it:
            return web.Response(status=500)
        self.taken.update(one["data"] for one in batch if one["id"] not in poison)
        failures = [{"itemIdentifier": id} for id in poison]
        return web.json_response({"batchItemFailures": failures})


@pytest.mark.parametrize("names_it", [True, False], ids=["named", "halved"])
async def test_poison_becomes_dead_letters_and_the_rest_is_taken_once(
    broker: Broker, names_it: bool
) -> None:
    behaviour = Function(names_it)
    one = broker.subscription(retry=1, batch=BATCH, timeout=10.0)
    await broker.publish(ORDERS)
    async with (
        function_server(behaviour) as function,
        running_gateway(
            [one], {"hello": [function.address]}, broker.settings, broker.secrets
        ) as running,
    ):
        good = len(ORDERS) - len(POISON)
        expected = {"delivered": good, "deadLettered": len(POISON)}
        await until(lambda: running.outcomes("orders") == expected, 40.0)
    assert behaviour.largest > 1
    assert behaviour.taken == Counter(set(ORDERS) - POISON)
    lines = (broker.folder / "dead.jsonl").read_bytes().splitlines()
    letters = [letter for line in lines if (letter := letter_from_line(line))]
    assert {int(letter.event.data or b"") for letter in letters} == POISON
    assert {letter.attempts for letter in letters} == {2}
