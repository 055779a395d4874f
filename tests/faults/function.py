"""The function's server: fails as the seed says, and writes down what it took."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from tests.faults.orders import Answer, Fate, Order, order_from_payload
from tests.faults.verdict import Taken


class FailingFunction:
    """Takes `pace` seconds for a call; `taken` is its journal.

    `hang` leaves every call without an answer, until `recover` breaks their connections.
    """

    def __init__(self, fate: Callable[[Order], Fate], pace: float) -> None:
        self.pace = pace
        self.taken: list[Taken] = []
        self.different: set[Order] = set()
        self.hung = 0
        self.address = ("127.0.0.1", 0)
        self._fate = fate
        self._failures: Counter[Order] = Counter()
        self._well = asyncio.Event()
        self._well.set()
        self._news = asyncio.Event()

    def hang(self) -> None:
        """Answer nothing from now on."""
        self.hung = 0
        self._well.clear()

    def recover(self) -> None:
        """Work again; what was asked in the meantime gets no answer."""
        self._well.set()

    async def until(self, happened: Callable[[], bool], patience: float) -> None:
        """Wait until the journal, or the number of calls that hang, is as wanted.

        Raises `TimeoutError` where neither says anything new for `patience` seconds: how long it
        takes as a whole is up to the machine.
        """
        while not happened():
            self._news.clear()
            async with asyncio.timeout(patience):
                await self._news.wait()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one call."""
        order = order_from_payload(await request.read())
        if not self._well.is_set():
            return await self._keep_silent(request)
        await asyncio.sleep(self.pace)  # its work
        answer = self._answer(order)
        if answer is Answer.RESET:
            return _broken(request)
        if answer is Answer.OK:
            self.taken.append(Taken(order, time.monotonic()))
            self.different.add(order)
            self._news.set()
        return web.Response(status=answer.value)

    def _answer(self, order: Order) -> Answer:
        answer, failures = self._fate(order)
        if not failures or self._failures[order] == failures:
            return Answer.OK
        self._failures[order] += 1
        return answer

    async def _keep_silent(self, request: web.BaseRequest) -> web.StreamResponse:
        self.hung += 1
        self._news.set()
        await self._well.wait()
        return _broken(request)


def _broken(request: web.BaseRequest) -> web.StreamResponse:
    """Break the connection: what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@asynccontextmanager
async def served(function: FailingFunction) -> AsyncIterator[None]:
    """Serve on a free port of loopback for the length of the block."""
    runner = web.ServerRunner(web.Server(function.serve, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    function.address = runner.addresses[0][:2]
    try:
        yield
    finally:
        function.recover()
        await runner.cleanup()
