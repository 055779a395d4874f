"""What a redrive keeps in memory while it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar

from gateway.context import Context
from gateway.core.dead_letter import Letter
from gateway.core.shared import Shared
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.letters.selection import Selection
from gateway.letters.store import Stored
from gateway.redrive import Redrive, Result
from gateway.settings import Settings
from gateway.stores.memory import MemoryLedger
from tests.fakes.function_server import function_server
from tests.support.events import event, subscription
from tests.support.gateways import DictSecrets

ORDERS = subscription(concurrency=4)
LETTERS = 300


class Payload(bytes):
    """Bytes that are counted while anybody has them."""

    alive: ClassVar[set[int]] = set()

    def __init__(self, _: bytes) -> None:
        self.alive.add(id(self))

    def __del__(self) -> None:
        self.alive.discard(id(self))


class Shelf:
    """A store that makes its letters as they are read."""

    name = "a shelf"

    async def letters(self) -> AsyncGenerator[Stored, None]:
        for number in range(LETTERS):
            what = event(str(number), data=Payload(b"x"))
            yield Stored(
                Letter(str(number), what, ORDERS.id, "rejected", 1, "", "", "", "", None), number
            )

    async def remove(self, letters: Sequence[Stored]) -> None:
        pass

    async def erase(self) -> str:
        return ""


async def test_letters_that_were_delivered_are_not_kept_in_memory() -> None:
    held: list[int] = []

    async def tell(_: Result) -> None:
        held.append(len(Payload.alive))

    async with function_server() as server:
        endpoints = Endpoints()
        endpoints.set(("default", "hello"), [server.address])
        context = Context(
            Settings(), DictSecrets(), MemoryLedger(), Shared(), RouteTable(), endpoints
        )
        async with asyncio.timeout(60):
            await Redrive(ORDERS, Shelf(), context).run(Selection(), 10_000.0, tell)
    assert len(held) == LETTERS
    assert max(held) < LETTERS / 2
