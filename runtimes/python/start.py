"""Starts the front: the first worker at once, so that it loads the function while we load."""

import sys

from .process import WorkerProcess
from .settings import BAD_CONFIGURATION, ConfigError, settings_from_env


def main(_arguments: list[str]) -> int:
    """Run the server; the process's exit code."""
    try:
        settings = settings_from_env()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_CONFIGURATION
    first = WorkerProcess()
    from .front import run  # asyncio's import takes as long as the worker's start: side by side

    return run(settings, first)
