"""Dead letters that come back as events go round a bounded number of times, and are then held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.dead_letter import MAX_HOPS
from gateway.settings import NatsSettings, Settings
from tests.integration.deadletters.bench import POISON, Place, orders, place, refusing, until
from tests.support.gateways import running_gateway
from tidegate.api.subscription import DeadLetter, JetStreamConsumer, NatsSubject


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path) as one:
        await one.client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
        yield one


async def test_two_triggers_that_feed_each_other_stop_in_the_end(shop: Place) -> None:
    there = orders(DeadLetter("nats", "dead.orders"))
    source = NatsSubject("dead.*", "back", jetstream=JetStreamConsumer("back", ack_wait=2.0))
    back = replace(orders(DeadLetter("nats", "orders.again")), trigger="back", source=source)
    settings = Settings(nats=NatsSettings(url=shop.broker.url))
    async with refusing() as function:
        functions = {"hello": [function.address]}
        async with running_gateway([there, back], functions, settings) as g:
            await shop.publish(POISON)

            async def held() -> bool:
                return any(g.progress(name).unwritten for name in ("orders", "back"))

            await until(held)
            troubled = [name for name in ("orders", "back") if g.progress(name).unwritten]
            assert "that no trigger reads" in g.progress(troubled[0]).last_error
            written = sum(g.outcomes(name)["deadLettered"] for name in ("orders", "back"))
            assert written == MAX_HOPS
            assert {seen.body for seen in function.seen} == {POISON}
