"""Workers share the shards of a stream by leases in one SQLite file."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.progress import State
from gateway.settings import KinesisSettings
from gateway.workers.settings import FleetSettings
from tests.fakes.function_server import FunctionServer, function_server
from tests.fakes.installed import NotToBeHad
from tests.fakes.kinesis_server import KinesisServer, Operator
from tests.integration.workers.fleet import running_fleet, settings
from tests.support.kinesis import SECRETS, StreamOfTests
from tests.support.kinesis_gateway import trigger
from tests.support.waiting import until

KEYS = 20
PATIENCE = 60.0


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[KinesisServer]:
    """An emulator of this test's own."""
    one = KinesisServer(tmp_path / "kinesis")
    try:
        one.boot()
    except NotToBeHad as error:
        pytest.skip(f"Kinesis emulator: {error}")
    yield one
    one.kill()


async def publish(operator: Operator, round: int) -> None:
    """Put one record for each key; its content is the number of the round."""
    await operator.put("orders", ((f"key-{key}", b"%d" % round) for key in range(KEYS)))


def seen(function: FunctionServer) -> dict[str, list[int]]:
    """Return the rounds that came for each key, each once, in the order of their first coming."""
    taken: dict[str, dict[int, None]] = {}
    for one in function.seen:
        taken.setdefault(one.headers["ce-partitionkey"], {})[int(one.body)] = None
    return {key: list(rounds) for key, rounds in taken.items()}


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_two_workers_share_the_shards_and_one_takes_over_those_of_the_other(
    server: KinesisServer, tmp_path: Path
) -> None:
    more = replace(settings(tmp_path), kinesis=KinesisSettings(str(tmp_path / "leases.sqlite")))
    one = trigger(StreamOfTests(server, tmp_path / "unused").spec(start="TRIM_HORIZON"))
    care = FleetSettings(2, tmp_path / "ledger.sqlite")
    async with server.operator() as operator, function_server() as function:
        await operator.create("orders", 4)
        async with running_fleet(care, [one], function.address, SECRETS, more) as running:
            await until(lambda: running.progress().state is State.RUNNING, PATIENCE)
            rounds = 0
            while rounds == 0 or not all(row["received"] for row in running.fleet.workers()):
                await publish(operator, rounds)
                rounds += 1
                await until(lambda n=rounds: complete(function, n), PATIENCE)  # type: ignore[misc]  # bound now
            os.kill(running.pids()[0], signal.SIGKILL)
            await publish(operator, rounds)
            await until(lambda: complete(function, rounds + 1), PATIENCE)
            await until(lambda: running.progress().books.in_flight == 0, PATIENCE)


def complete(function: FunctionServer, rounds: int) -> bool:
    """Tell whether every key has had all rounds; they must have come in order."""
    found = seen(function)
    assert all(numbers == sorted(numbers) for numbers in found.values())
    return len(found) == KEYS and all(len(numbers) == rounds for numbers in found.values())
