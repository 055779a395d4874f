"""Keeps one worker running: starts it, tells it what is wanted, replaces it when it dies."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from gateway.core.supervisor import STEADY, Restarts
from gateway.workers.accounts import Accounts
from gateway.workers.inquiries import Inquiries
from gateway.workers.messages import Setup, Update
from gateway.workers.process import WorkerProcess, ending
from gateway.workers.reports import replayed
from gateway.workers.settings import FleetSettings

logger = logging.getLogger(__name__)

CLEAN = ending(0)

LOOKS = 6
"""Parts of a silence. Counted rather than timed: a parent that was suspended has heard nothing."""


class Home(Protocol):
    """What a place needs from its fleet."""

    accounts: Accounts
    inquiries: Inquiries
    care: FleetSettings
    drain_timeout: float

    def setup(self, place: int) -> Setup:
        """Return all that the worker in `place` shall know and run now."""
        ...

    def sockets(self) -> list[socket.socket]:
        """Open sockets of the front door. Raises OSError."""
        ...


class Slot:
    """A place for one worker at a time. The next one starts when the last one has ended."""

    def __init__(self, place: int, home: Home) -> None:
        self.place = place
        self.name = f"worker {place}"
        self.pid = 0
        self.serving = False
        self.restarts = 0
        self._home = home
        self._care = home.care
        self._sockets: list[socket.socket] = []
        self._update = Update()
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._unheard = 0

    def open(self) -> None:
        """Open the sockets of the place; calls wait there for its first worker. Raises OSError."""
        self._sockets = self._home.sockets()

    def close(self) -> None:
        """Close our hold on the sockets; a worker that runs has its own."""
        while self._sockets:
            self._sockets.pop().close()

    def tell(self, update: Update) -> None:
        """Pass a change on. A worker that is yet to come knows it from the start."""
        self._update = self._update.then(update)
        self._news.set()

    def stop(self) -> None:
        """Have the worker drain; `keep` returns when its process has ended."""
        self.close()
        self._stopping.set()
        self.tell(Update(stop=True))

    async def keep(self) -> None:
        """Have a worker run here until `stop`."""
        restarts = Restarts(self._care.restart_delay, self._care.restart_delay_max)
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            how = await self._serve()
            if self._stopping.is_set():
                self._tell_of_end(how)
                break
            failures = 1 if time.monotonic() - started > STEADY else failures + 1
            await self._back_off(how, restarts.wait(failures))
        self.close()

    def _tell_of_end(self, how: str) -> None:
        if how != CLEAN:
            logger.warning("%s: %s before it had drained; its events come again", self.name, how)

    async def _back_off(self, how: str, delay: float) -> None:
        self.restarts += 1
        logger.warning("%s: %s; starting another one in %.1f s", self.name, how, delay)
        if delay > self._care.patience:
            self.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stopping.wait()

    async def _serve(self) -> str:
        """Run one worker to its end, and say how it ended."""
        try:
            if not self._sockets:
                self.open()
            process = await WorkerProcess.start(self._sockets)
        except OSError as error:
            return f"it could not be started: {error.strerror or error}"
        self.pid, self._unheard = process.pid, 0
        try:
            await self._converse(process)
            how = await process.ended()
            return how if how == CLEAN else f"{how} (it was {process.pid})"
        finally:
            await process.destroy()
            self.pid, self.serving = 0, False
            self._home.accounts.lost(self.place)
            self._home.inquiries.lost(self.place)

    async def _converse(self, process: WorkerProcess) -> None:
        """Tell the worker what it needs and take its reports, until it is gone."""
        async with asyncio.TaskGroup() as group:
            others = [
                group.create_task(self._give_orders(process), name=f"{self.name}: orders"),
                group.create_task(self._watch(process), name=f"{self.name}: watch"),
                group.create_task(self._limit_drain(process), name=f"{self.name}: drain"),
            ]
            await self._listen(process)
            for task in others:
                task.cancel()

    async def _listen(self, process: WorkerProcess) -> None:
        """Take reports until the worker is gone; one that talks nonsense is ended."""
        try:
            while True:
                self._take(await process.report())
        except EOFError:
            return
        except (KeyError, TypeError, ValueError):
            logger.exception("%s: process %d reports nonsense", self.name, process.pid)
            process.kill()

    async def _give_orders(self, process: WorkerProcess) -> None:
        self._update = Update(stop=self._stopping.is_set())  # the rest is part of the setup
        order: Setup | Update = self._home.setup(self.place)
        with suppress(OSError):  # its end is seen by who reads
            while True:
                await process.tell(order)
                await self._news.wait()
                self._news.clear()
                order, self._update = self._update, Update()

    def _take(self, report: Mapping[str, Any]) -> None:
        self._unheard = 0
        if "inquiry" in report:
            self._home.inquiries.take(self.place, report)
            return
        replayed(report["log"], self.name)
        self._home.accounts.report(self.place, report["rows"])
        if report["serving"] and not self.serving:
            self.serving = True
            logger.info("%s: process %d is at work", self.name, self.pid)

    async def _watch(self, process: WorkerProcess) -> None:
        """End a worker that says nothing any more."""
        silence = self._care.silence
        while self._unheard < LOOKS:
            await asyncio.sleep(silence / LOOKS)
            self._unheard += 1
        logger.error("%s: process %d says nothing for %g s", self.name, process.pid, silence)
        process.kill()

    async def _limit_drain(self, process: WorkerProcess) -> None:
        await self._stopping.wait()
        limit = self._home.drain_timeout + self._care.stop_margin
        await asyncio.sleep(limit)
        message = "%s: process %d has not drained within %g s; its events come again"
        logger.error(message, self.name, process.pid, limit)
        process.kill()
