"""What several workers tell of the events that went through them."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from gateway.core.recollection import Question
from gateway.workers.settings import FleetSettings
from tests.fakes.function_server import function_server
from tests.integration.workers.fleet import PATIENCE, Running, running_fleet
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, HttpRoute, Subscription

CALLS = 24
ORDERS = Subscription(
    "default", "HTTPTrigger", "orders", "hello", HttpRoute("", "/"), "", DeliveryPolicy(retry=0)
)


def care(folder: Path) -> FleetSettings:
    return FleetSettings(2, folder / "ledger.sqlite")


async def watched(running: Running) -> list[str]:
    """Call, and return the events that somebody who looks on sees."""
    seen: list[str] = []
    async with running.fleet.feed(Question(trigger="orders"), payload=True) as feed:
        while len(seen) < CALLS:
            if not seen:  # a worker may not look yet when the first ones come
                await running.call(CALLS)
            rows = await feed.rows()
            assert all(row["data"] == "call" for row in rows)
            seen += [row["event"]["id"] for row in rows]
    return seen


async def test_the_decisions_of_all_workers_are_one_answer(tmp_path: Path) -> None:
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [ORDERS], function.address) as running,
    ):
        await running.serving()
        await running.call(CALLS)
        found = await running.fleet.decisions(Question())
        ids = [row["event"]["id"] for row in found.decisions]
        assert len(set(ids)) == CALLS
        assert [row["trigger"] for row in found.subscriptions] == ["orders"]
        assert found.remarks == []
        (one,) = (await running.fleet.decisions(Question(event=ids[7]))).decisions
        assert one["outcome"] == "delivered"


async def test_who_looks_on_sees_what_any_worker_does(tmp_path: Path) -> None:
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [ORDERS], function.address) as running,
    ):
        await running.serving()
        async with asyncio.timeout(PATIENCE):
            assert len(await watched(running)) >= CALLS


async def test_a_worker_that_says_nothing_does_not_keep_the_answer_of_the_others(
    tmp_path: Path,
) -> None:
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [ORDERS], function.address) as running,
    ):
        await running.serving()
        stopped = running.pids()[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            found = await running.fleet.decisions(Question())
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert found.remarks == ["worker 0 did not answer"]


async def test_a_worker_that_has_died_is_not_waited_for(tmp_path: Path) -> None:
    async with (
        function_server() as function,
        running_fleet(care(tmp_path), [ORDERS], function.address) as running,
    ):
        await running.serving()
        victim = running.pids()[0]
        os.kill(victim, signal.SIGSTOP)
        asking = asyncio.create_task(running.fleet.decisions(Question()))
        os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            found = await asking
        assert [row["trigger"] for row in found.subscriptions] == ["orders"]
        await until(lambda: victim not in running.pids(), PATIENCE)
