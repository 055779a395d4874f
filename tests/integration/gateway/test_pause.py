"""A trigger that is paused takes nothing, says so, and goes on where it stopped."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiohttp import web

import gateway.sources.cron.timer  # noqa: F401 - read from the disk before the loop runs
from gateway.core.progress import State
from tests.fakes.function_server import function_server
from tests.support.gateways import Running, running_gateway
from tests.support.waiting import until
from tidegate.api.subscription import CronSchedule, DeliveryPolicy, HttpRoute, Subscription

PATIENCE = 30.0
ORDERS = Subscription(
    "default", "HTTPTrigger", "orders", "hello", HttpRoute("", "/orders"), "", DeliveryPolicy()
)
TICKS = Subscription(
    "default", "CronJobTrigger", "ticks", "hello", CronSchedule("@every 1s"), "", DeliveryPolicy()
)


async def called(running: Running) -> tuple[int, str, str]:
    async with running.client.post(f"{running.url}/orders") as answer:
        return answer.status, answer.headers.get("retry-after", ""), await answer.text()


async def test_callers_of_a_paused_trigger_are_told_to_come_again() -> None:
    async with (
        function_server() as function,
        running_gateway([ORDERS], {"hello": [function.address]}) as running,
    ):
        await running.change(replace(ORDERS, paused=True), State.PAUSED)
        status, retry_after, sentence = await called(running)
        assert (status, retry_after) == (503, "30")
        assert "the trigger is paused; `tidegate trigger resume`" in sentence
        assert not function.seen
        await running.change(ORDERS, State.RUNNING)
        assert (await called(running))[0] == 200
        assert running.outcomes("orders") == {"delivered": 1}


async def test_a_call_under_way_ends_before_its_trigger_is_paused() -> None:
    release = asyncio.Event()

    async def hang(request: web.Request, body: bytes) -> web.StreamResponse:
        await release.wait()
        return web.Response(text="late")

    async with (
        function_server(hang) as function,
        running_gateway([ORDERS], {"hello": [function.address]}) as running,
    ):
        calling = asyncio.create_task(called(running))
        await function.until(1)
        running.gateway.apply([replace(ORDERS, paused=True)])
        release.set()
        assert (await calling)[0] == 200
        progress = running.progress("orders")
        await until(lambda: progress.state is State.PAUSED, timeout=PATIENCE)


async def test_a_paused_schedule_fires_nothing_and_then_what_it_missed_as_its_policy_says() -> None:
    async with (
        function_server() as function,
        running_gateway([TICKS], {"hello": [function.address]}) as running,
    ):
        await function.until(1, timeout=PATIENCE)
        await running.change(replace(TICKS, paused=True), State.PAUSED)
        paused_at = len(function.seen)
        await asyncio.sleep(2.5)  # longer than two ticks: that nothing comes has no event
        assert len(function.seen) == paused_at
        await running.change(TICKS, State.RUNNING)
        await function.until(paused_at + 2, timeout=PATIENCE)
        times = [one.headers["ce-time"] for one in function.seen]
        assert len(set(times)) == len(times)
        assert times == sorted(times)
