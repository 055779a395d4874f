"""Dead letters and replays where several gateways serve one place: each does its part, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.function_server import FunctionServer, function_server, say_ok
from tests.integration.deadletters.bench import POISON, orders, place, refuse_poison, until
from tests.support.gateways import Running
from tests.support.pods_of_gateways import Pod, Pods, pods_of
from tidegate.api.subscription import DeadLetter
from tidegate.cli.dlq.listing import letters_of, shown
from tidegate.cli.dlq.purging import purged
from tidegate.cli.dlq.redriving import redriven
from tidegate.cli.place.operations import Operation, first, lines
from tidegate.kube.errors import Denied, Invalid, NotFound

TARGET = DeadLetter("nats", "dead.orders")
EVERY = {"namespace": "default", "trigger": "", "limit": "100"}
ALL: dict[str, Any] = {"ids": [], "trigger": "", "namespace": "default", "all": True}


@dataclass
class Shop:
    """Two gateways that both run the trigger `orders`, whose five events are dead letters."""

    pods: Pods
    one: Running
    other: Running
    function: FunctionServer


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(place(tmp_path))
        await broker.client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
        function = await stack.enter_async_context(function_server(refuse_poison))
        one = await stack.enter_async_context(broker.gateway(TARGET, function))
        other = await stack.enter_async_context(broker.gateway(TARGET, function))
        pods = await stack.enter_async_context(pods_of(tmp_path, one, other))
        await broker.publish(*[POISON] * 5)

        async def all_dead() -> bool:
            return len(await broker.in_stream()) == 5

        await until(all_dead)
        yield Shop(pods, one, other, function)


async def redrive(shop: Shop, **change: Any) -> list[dict[str, Any]]:
    """Redrive, and return what was told of each letter."""
    body = ALL | {"rate": 1000.0} | change
    return [row async for row in redriven(shop.pods, body) if "id" in row]


async def test_each_letter_is_listed_once(shop: Shop) -> None:
    letters, elsewhere = await letters_of(shop.pods, EVERY, 100)
    assert {row["trigger"] for row in letters} == {"orders"}
    assert len(letters) == len({row["id"] for row in letters}) == 5
    assert elsewhere == []
    assert (await shown(shop.pods, letters[3]["id"], payload=False))["id"] == letters[3]["id"]
    with pytest.raises(NotFound, match="there is no dead letter 'nothing'"):
        await shown(shop.pods, "nothing", payload=False)


async def test_each_letter_is_redriven_by_one_of_them(shop: Shop) -> None:
    shop.function.seen.clear()
    rows = await redrive(shop)
    assert len(rows) == 5
    assert all("it answered 422" in row["error"] for row in rows)
    tried = Counter(seen.headers["ce-id"] for seen in shop.function.seen)
    assert set(tried.values()) == {1}
    shop.function.behaviour = say_ok
    assert [row["error"] for row in await redrive(shop)] == [""] * 5
    assert await letters_of(shop.pods, EVERY, 100) == ([], [])


async def test_a_letter_is_unknown_only_when_nobody_knows_it(shop: Shop) -> None:
    letters, _ = await letters_of(shop.pods, EVERY, 100)
    shop.function.behaviour = say_ok
    ids = [letters[0]["id"], "nothing"]
    rows = {row["id"]: row["error"] for row in await redrive(shop, ids=ids, all=False)}
    assert rows == {ids[0]: "", "nothing": "there is no such letter of a trigger that runs now"}


async def test_a_purge_counts_each_letter_once(shop: Shop) -> None:
    assert await purged(shop.pods, ALL) == {"purged": 5, "remarks": []}


async def test_a_replay_runs_in_the_gateway_that_has_the_trigger(shop: Shop) -> None:
    await shop.one.apply(replace(orders(TARGET), trigger="another"))
    shop.function.behaviour = say_ok
    body = {"namespace": "default", "trigger": "orders", "from": "1h"}

    async def run(pod: Pod) -> tuple[str, dict[str, Any]]:
        told = [row async for row in lines(pod, Operation("POST", "/replays", body=body))]
        return pod.name, told[-1]["report"]

    name, report = await first(await shop.pods.gateways(), run)
    assert (name, report["delivered"], report["error"]) == ("gateway-1", 5, "")
    with pytest.raises(NotFound, match="no trigger default/nobody runs here"):
        await first(await shop.pods.gateways(), lambda pod: run_of(pod, "nobody"))
    with pytest.raises(Invalid, match="from: say when to begin"):
        await run_of(shop.pods.pods[1], "orders")


async def run_of(pod: Pod, trigger: str) -> list[Any]:
    """Ask for a replay that says too little."""
    start = {"from": "1h"} if trigger == "nobody" else {}
    body = {"namespace": "default", "trigger": trigger, **start}
    return [row async for row in lines(pod, Operation("POST", "/replays", body=body))]


async def test_a_replay_ends_with_whom_it_is_for(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway.replay.replay")
    shop.function.behaviour = say_ok
    shop.function.seen.clear()
    body = {"namespace": "default", "trigger": "orders", "from": "1h", "rate": 0.2}
    asked = Operation("POST", "/replays", body=body)
    async with aclosing(lines(shop.pods.pods[1], asked)) as told:
        async for row in told:
            if row["delivered"]:
                break

    async def over() -> bool:
        return "was cut off with" in caplog.text

    await until(over)
    assert len(shop.function.seen) < 5


async def test_nobody_replays_or_redrives_without_the_token(shop: Shop) -> None:
    strangers = [replace(pod, token="wrong") for pod in shop.pods.pods]
    shop.function.seen.clear()
    with pytest.raises(Denied, match="is not the token of the Secret tidegate-admin"):
        await purged(replace(shop.pods, pods=strangers), ALL)
    with pytest.raises(Denied):
        await run_of(strangers[0], "orders")
    assert shop.function.seen == []
    assert len((await letters_of(shop.pods, EVERY, 100))[0]) == 5
