"""Starts the front: the first worker at once, so that it loads the function while we load."""

import sys

from . import warm
from .process import WorkerProcess
from .settings import BAD_CONFIGURATION, ConfigError, settings_from_env


def main(_arguments: list[str]) -> int:
    """Run the server; the process's exit code."""
    return warm_main() if warm.is_asked_for() else cold_main()


def cold_main() -> int:
    """Run the function that the environment names."""
    try:
        settings = settings_from_env()
    except ConfigError as error:
        return refuse(error)
    first = WorkerProcess()
    from .front import run  # asyncio's import takes as long as the worker's start: side by side

    return run(settings, first)


def warm_main() -> int:
    """Load everything but the function, wait for its name, and run it."""
    first = WorkerProcess(is_warm=True)
    from .front import run

    line = warm.orders()
    if not line:
        first.kill()
        return 0
    warm.become(line)
    try:
        settings = settings_from_env()
    except ConfigError as error:
        first.kill()
        return refuse(error)
    first.tell(line)
    return run(settings, first)


def refuse(error: ConfigError) -> int:
    """Say what is wrong with the environment; the exit code."""
    sys.stderr.write(f"{error}\n")
    return BAD_CONFIGURATION
