"""From a function to a command: code, dependencies, interpreter and environment in place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from controllers.desired.code import FunctionInvalid
from controllers.desired.environment import process_env
from controllers.desired.local import LocalFunction
from controllers.local.child import Command, Print, machine_env
from controllers.local.surroundings import LOOPBACK, Surroundings
from runtimes.catalog import Runtime, UnknownRuntime

logger = logging.getLogger(__name__)


async def prepared_command(
    function: LocalFunction, env: Mapping[str, str], around: Surroundings, show: Print
) -> Command:
    """Return what starts one process of `function`, whose own variables are `env`.

    Raises FunctionInvalid when the function must be changed first, PreparationFailed or OSError
    when another attempt may do.
    """
    runtime = _runtime(function, around, show)
    folder = await around.code.folder(function, runtime.file_suffix)
    requirements = await asyncio.to_thread(_requirements, function, folder / runtime.deps_file)
    base = await around.interpreters.find(runtime.version)
    interpreter = await around.environments.interpreter(base, requirements, show)
    environment = machine_env() | process_env(function, env, str(folder), LOOPBACK)
    return Command((interpreter, str(runtime.server)), environment, folder)


def _runtime(function: LocalFunction, around: Surroundings, show: Print) -> Runtime:
    try:
        choice = around.find_runtime(function.runtime)
    except UnknownRuntime as error:
        raise FunctionInvalid(f"spec.runtime: {error}") from error
    if choice.runtime.language != "python":
        raise FunctionInvalid(
            f"spec.runtime {function.runtime!r} needs a cluster; on a laptop only python runs yet"
        )
    if choice.warning is not None:
        logger.warning("%s: %s", function.title, choice.warning)
        show("tidegate", choice.warning)
    return choice.runtime


def _requirements(function: LocalFunction, file: Path) -> str:
    if function.code.carries_deps and file.is_file():
        return file.read_text(encoding="utf-8", errors="replace")
    return function.deps
