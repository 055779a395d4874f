"""Starts the controllers on an event loop, and ends them when they are told to."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass
from pathlib import Path

from controllers.app import ControllerApp
from controllers.settings import ControllerSettings
from gateway.loop import loop_factory
from tidegate.cli.cluster.access import access_of_file
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.up.console import start_logging
from tidegate.cli.up.options import LogFormat, LogLevel
from tidegate.kube.access import Access
from tidegate.kube.errors import KubeError
from tidegate.kube.in_cluster import in_cluster

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """One invocation."""

    name: str
    settings: ControllerSettings
    kubeconfig: Path | None = None
    """None: this is a pod."""
    context: str = ""
    log_format: LogFormat = LogFormat.JSON
    log_level: LogLevel = LogLevel.INFO


def main(options: ControllerOptions) -> ExitCode:
    """Run until a signal. Raises `CommandError` when it cannot start, or go on."""
    console = start_logging(options.log_format, options.log_level)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(options))
    except (KubeError, OSError) as error:
        raise CommandError(str(error)) from error
    except ExceptionGroup as group:
        logger.exception("an unexpected error ended this process; please report it")
        raise CommandError(f"ended by {group.exceptions[0]!r}") from group
    finally:
        console.close()


async def _serve(options: ControllerOptions) -> ExitCode:
    running = asyncio.create_task(_run(options), name="controllers")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.cancel)
    await asyncio.wait([running])
    if not running.cancelled():
        running.result()
    return ExitCode.OK


async def _run(options: ControllerOptions) -> None:
    access = await _access(options)
    while True:  # one that watched another namespace than it shall now is replaced
        await ControllerApp(options.settings, access, name=options.name).run()


async def _access(options: ControllerOptions) -> Access:
    """Say how to reach the cluster; no kubeconfig is looked for where none is named."""
    if options.kubeconfig is None:
        return await asyncio.to_thread(in_cluster)
    return await access_of_file(options.kubeconfig, options.context)
