"""`tidegate up --workers 2`: the work is shared, one ends and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import nats
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.up.manifests import function, route, stream
from tests.integration.up.running import PATIENCE, Up, running
from tests.integration.up.test_faults import calling, keeping, kept

EVENTS = 500

CRON = """\
apiVersion: kubeless.io/v1beta1
kind: CronJobTrigger
metadata: {name: every-second}
spec: {function-name: hello, schedule: "@every 1s"}
---
"""


async def workers(up: Up, wanted: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
    """Wait until the workers are as wanted, and return them."""
    rows: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                rows = (await up.control("/state"))["workers"]
                if wanted(rows):
                    return rows
                await asyncio.sleep(0.05)  # processes outside of the loop
    except TimeoutError:
        raise AssertionError(f"it did not happen: {rows}\n{up.log}") from None


def all_serve(rows: list[dict[str, Any]]) -> bool:
    """Tell whether every worker takes events."""
    return all(row["serving"] for row in rows)


def both_received(rows: list[dict[str, Any]]) -> bool:
    """Tell whether no worker was left out."""
    return all(row["received"] for row in rows)


async def metrics(up: Up) -> dict[str, float]:
    """Scrape the one endpoint; add up each metric over its labels."""
    url = f"{up.contact['admin']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


async def statuses(url: str, count: int) -> list[int]:
    """Call so often at once, each time on a connection of its own."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def call() -> int:
            async with session.post(url, data=b"call") as answer:
                return answer.status

        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(call()) for _ in range(count)]
    return [each.result() for each in calls]


async def publish(up: Up, count: int) -> None:
    """Publish numbered messages, each stored when the next goes, once both workers ask."""
    client = await nats.connect(up.contact["nats"])
    try:
        async with asyncio.timeout(PATIENCE):
            while await _asking(client) < 2:  # noqa: ASYNC110 - processes outside of the loop
                await asyncio.sleep(0.05)
        for number in range(count):
            await client.jetstream().publish("orders.new", b"%d" % number)
    finally:
        await client.close()


async def _asking(client: nats.NATS) -> int:
    """Return how many ask for messages and have none."""
    (consumer,) = await client.jetstream().consumers_info("ORDERS")
    return consumer.num_waiting or 0


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    """Two workers and a function that keeps what it gets, from a stream and over HTTP."""
    (tmp_path / "all.yaml").write_text(keeping(tmp_path, pause=0.005) + route() + stream())
    async with running(tmp_path, "--workers", "2") as one:
        await one.says("creating consumer")
        await one.says("default/hello: takes calls")
        await workers(one, all_serve)
        yield one


async def test_two_workers_share_calls_and_messages_and_one_endpoint_tells_of_both(up: Up) -> None:
    calls = 32
    assert await statuses(up.url, calls) == [200] * calls
    await up.counts("web", received=calls, delivered=calls, inFlight=0)
    await workers(up, both_received)
    await publish(up, EVENTS)
    await up.counts("orders", received=EVENTS, delivered=EVENTS, inFlight=0)
    rows = await workers(up, lambda rows: sum(row["received"] for row in rows) == calls + EVENTS)
    assert min(row["received"] for row in rows) > EVENTS / 10
    sums = await metrics(up)
    assert sums["tidegate_received_total"] == calls + EVENTS
    assert sums["tidegate_accounting_drift"] == 0
    assert sums["tidegate_worker_up"] == 2


GATED = """\
import os, time

def main(event, context):
    number = event["data"].decode()
    while int(number) >= {first} and not os.path.exists({gate!r}):
        time.sleep(0.01)
    with open({file!r}, "a") as kept:
        kept.write(number + "\\n")
    return "ok"
"""


async def test_a_worker_killed_amid_messages_loses_none_and_is_replaced(tmp_path: Path) -> None:
    first, gate = 100, tmp_path / "gate"
    code = GATED.format(first=first, gate=str(gate), file=str(tmp_path / "kept"))
    (tmp_path / "all.yaml").write_text(function(code) + stream())
    async with running(tmp_path, "--workers", "2") as up:
        await up.says("creating consumer")
        await up.says("default/hello: takes calls")
        await workers(up, all_serve)
        await publish(up, EVENTS)
        await up.until(lambda: len(kept(tmp_path)) >= first)
        victim = (await workers(up, both_received))[0]
        before = await up.trigger("orders")
        assert before["inFlight"], "nothing is in flight"
        os.kill(victim["pid"], signal.SIGKILL)
        await up.says(f"worker 0: the process was ended by SIGKILL (it was {victim['pid']})")
        gate.touch()
        await up.until(lambda: set(kept(tmp_path)) == {str(number) for number in range(EVENTS)})
        rows = await workers(up, all_serve)
        assert rows[0]["restarts"] == 1
        assert rows[0]["pid"] != victim["pid"]
        row = await up.counts("orders", inFlight=0, drift=0)
        assert row["received"] >= before["received"], "a counter went back"
        assert row["released"] > 0, "what the worker held was not handed back"
        assert len(kept(tmp_path)) - EVENTS <= row["released"], "more came twice than was held"
        assert (await metrics(up))["tidegate_accounting_drift"] == 0


async def test_a_killed_worker_fails_only_the_calls_that_it_had(up: Up) -> None:
    async with calling(up.url, count=8) as callers:
        await up.until(lambda: len(callers.answers) > 50)
        victim = (await workers(up, all_serve))[0]
        os.kill(victim["pid"], signal.SIGKILL)
        await workers(up, lambda rows: all_serve(rows) and rows[0]["restarts"])
        before = len(callers.answers)
        await up.until(lambda: len(callers.answers) > before + 200)
    assert {status for status, _ in callers.failed} <= {599}, callers.failed
    assert len(callers.failed) <= 8, "calls failed that the worker did not have"
    await up.counts("web", inFlight=0, drift=0)


async def test_a_changed_function_reaches_every_worker_and_fails_no_call(up: Up) -> None:
    async with calling(up.url, count=8) as callers:
        await up.until(lambda: len(callers.answers) > 50)
        text = keeping(up.folder, answer="second") + route() + stream()
        (up.folder / "all.yaml").write_text(text)
        await up.until(lambda: {text for _, text in callers.answers[-100:]} == {"second"})
    assert callers.failed == []


async def test_a_stop_drains_every_worker(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(keeping(tmp_path, pause=1.0) + route())
    async with running(tmp_path, "--workers", "2") as up:
        await up.says("default/hello: takes calls")
        await workers(up, all_serve)
        calls = asyncio.create_task(statuses(up.url, 4))
        await up.counts("web", inFlight=4)
        assert await up.stop() == 0
        assert await calls == [200] * 4
        assert "4 received = 4 delivered; drift 0" in up.log


async def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(keeping(tmp_path) + route())
    async with running(tmp_path, "--workers", "2") as up:
        rows = await workers(up, all_serve)
        up.process.kill()
        await up.process.wait()
        async with asyncio.timeout(PATIENCE):
            while any(_exists(row["pid"]) for row in rows):  # noqa: ASYNC110  # not our children
                await asyncio.sleep(0.02)


def _exists(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


NOTE_ID = """\
def main(event, context):
    with open({file!r}, "a") as kept:
        kept.write(event["event-id"] + "\\n")
    return "ok"
"""


async def test_a_tick_fires_once_and_its_worker_is_replaced(tmp_path: Path) -> None:
    code = NOTE_ID.format(file=str(tmp_path / "kept"))
    (tmp_path / "all.yaml").write_text(function(code) + CRON)
    async with running(tmp_path, "--workers", "2") as up:
        await up.until(lambda: len(kept(tmp_path)) >= 2)
        rows = await workers(up, lambda rows: sum(map(_fired, rows)) == 1)
        (owner,) = [row for row in rows if _fired(row)]
        assert len(set(kept(tmp_path))) == len(kept(tmp_path)), "one fired twice"
        os.kill(owner["pid"], signal.SIGKILL)
        await up.says(f"worker {owner['worker']}: the process was ended by SIGKILL")
        before = kept(tmp_path)
        await up.until(lambda: len(kept(tmp_path)) >= len(before) + 3)
        ticks = kept(tmp_path)
        assert len(set(ticks)) > len(set(before)), "none is new"
        assert len(ticks) - len(set(ticks)) <= 2, "more came twice than was under way"


def _fired(row: dict[str, Any]) -> bool:
    return bool(row["received"])
