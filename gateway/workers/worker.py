"""A worker: one gateway in a process of its own, told by its parent what to run.

Run as `python -P -m gateway.workers.worker PARENT CHANNEL LISTENER…`: a process id and open file
descriptors. Everything else, Secrets above all, comes through the channel.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable

from gateway.app import Gateway
from gateway.logs import quiet_libraries
from gateway.loop import loop_factory
from gateway.workers.inquiries import Informant
from gateway.workers.messages import Setup, Update, read_order
from gateway.workers.reports import ForwardedLog, Reports
from gateway.workers.secrets import CopiedSecrets
from gateway.workers.stores import Stores, opened_stores
from tidegate.api.subscription import HttpRoute

PARENT_IS_GONE = 125

ROUTES_TIMEOUT = 2.0
"""Seconds for the routes before the front door opens; one that is refused may never come."""

_PR_SET_PDEATHSIG = 1


def main(parent: int, channel: int, listeners: Iterable[int]) -> None:
    """Work until the parent says stop. Ends at once, as in a crash, when the parent is gone."""
    _tie_to(parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        # A terminal or a service manager tells every process; only the parent knows the order.
        signal.signal(number, signal.SIG_IGN)
    channel_socket = socket.socket(fileno=channel)
    sockets = [socket.socket(fileno=each) for each in listeners]
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(channel_socket, sockets))


async def _serve(channel: socket.socket, sockets: list[socket.socket]) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=channel)
    try:
        setup = await read_order(reader)
    except EOFError:
        os._exit(PARENT_IS_GONE)
    log = ForwardedLog(asyncio.get_running_loop())
    logging.basicConfig(handlers=[log], level=setup.log_level, force=True)
    quiet_libraries()
    async with opened_stores(setup) as stores:
        await Worker(setup, writer, log, stores).run(reader, sockets)
    writer.close()
    await writer.wait_closed()


class Worker:
    """A gateway, and its two ends of the channel."""

    def __init__(
        self, setup: Setup, writer: asyncio.StreamWriter, log: ForwardedLog, stores: Stores
    ) -> None:
        self._first = setup.first
        self._secrets = CopiedSecrets({})
        self._processes = stores.processes
        self._gateway = Gateway(setup.settings, self._secrets, stores.ledger, leases=stores.leases)
        self._reports = Reports(self._gateway.subscriptions, writer, log)
        self._informant = Informant(self._gateway.witness, self._reports.say)

    async def run(self, reader: asyncio.StreamReader, sockets: list[socket.socket]) -> None:
        """Serve until told to stop; returns when all has drained and the parent knows it."""
        self._apply(self._first)
        async with asyncio.TaskGroup() as group:
            gateway = group.create_task(self._gateway.run(), name="gateway")
            others = [
                group.create_task(self._obey(reader, group), name="orders"),
                group.create_task(self._reports.run(), name="reports"),
                group.create_task(self._open(sockets), name="front door"),
            ]
            await asyncio.wait([gateway])
            for task in others:
                task.cancel()
            self._informant.end()
        await self._reports.send()

    async def _obey(self, reader: asyncio.StreamReader, group: asyncio.TaskGroup) -> None:
        while True:
            try:
                update = await read_order(reader)
            except EOFError:
                os._exit(PARENT_IS_GONE)
            self._apply(update)
            self._informant.end(update.unasked)
            self._informant.ask(update.asked, group)

    def _apply(self, update: Update) -> None:
        if update.standing is not None:
            self._processes.standing = update.standing
        for function, addresses in update.endpoints.items():
            self._gateway.endpoints.set(function, addresses)
        if update.subscriptions is not None:
            self._secrets.copies = update.secrets
            self._gateway.apply(update.subscriptions)
        for function in update.resume:
            self._gateway.resume(function)
        if update.stop:
            self._gateway.stop()

    async def _open(self, sockets: list[socket.socket]) -> None:
        """Take calls once there is somewhere to bring them."""
        wanted = self._first.subscriptions or ()
        routes = sum(isinstance(one.source, HttpRoute) for one in wanted)
        try:
            async with asyncio.timeout(ROUTES_TIMEOUT):
                await self._gateway.routed(routes)
        except TimeoutError:
            pass  # its trigger says why
        await self._gateway.listen(sockets)
        self._reports.serves()


def _tie_to(parent: int) -> None:
    """Have this process killed when its parent ends; elsewhere the end of the channel tells."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(PARENT_IS_GONE)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), map(int, sys.argv[3:]))
