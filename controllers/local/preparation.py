"""From a function to a command: code, dependencies, interpreter and environment in place."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from controllers.desired.code import FunctionInvalid
from controllers.desired.environment import process_env
from controllers.desired.local import LocalFunction
from controllers.local.builds import Build
from controllers.local.child import Command, Print, machine_env
from controllers.local.surroundings import LOOPBACK, Surroundings
from runtimes.catalog import UnknownRuntime
from runtimes.runtime import Runtime

logger = logging.getLogger(__name__)


async def prepared_command(
    function: LocalFunction, env: Mapping[str, str], around: Surroundings, show: Print
) -> Command:
    """Return what starts one process of `function`, whose own variables are `env`.

    Raises FunctionInvalid when the function must be changed first, PreparationFailed or OSError
    when another attempt may do.
    """
    runtime = _runtime(function, around, show)
    code = await around.code.folder(function, runtime.file_suffix)
    build = Build(function, runtime, code, env)
    if runtime.language == "python":
        return await _python(build, around, show)
    await asyncio.to_thread(_require, runtime, function)
    folder = await around.builds.folder(build, show)
    return _command(build, folder, await _program(runtime, around), runtime.env)


async def _python(build: Build, around: Surroundings, show: Print) -> Command:
    """Return the command of a Python function, whose dependencies are an environment's."""
    requirements = await asyncio.to_thread(build.deps)
    base = await around.interpreters.find(build.runtime.version)
    interpreter = await around.environments.interpreter(base, requirements, show)
    return _command(build, build.code, interpreter, {})


async def _program(runtime: Runtime, around: Surroundings) -> str:
    """Return what runs the server: our own Python, a program on PATH, or a file of the build."""
    program = runtime.command[0]
    if program.startswith("python"):
        return await around.interpreters.find(runtime.version)
    return await asyncio.to_thread(shutil.which, program) or program


def _command(build: Build, folder: Path, program: str, more: Mapping[str, str]) -> Command:
    """Return what starts the server for what is in `folder`."""
    places = build.runtime.on_a_laptop(folder)
    arguments = (program, *build.runtime.command[1:])
    own = {name: places.filled(value) for name, value in more.items()}
    environment = process_env(build.function, build.env, places.function, LOOPBACK)
    return Command(
        tuple(places.filled(argument) for argument in arguments),
        machine_env() | own | environment,
        folder,
        can_be_warm=_can_be_warm(build),
    )


def _can_be_warm(build: Build) -> bool:
    """Tell whether the server can be loaded before it has the variables of the function."""
    read_at_start = build.runtime.own_variables
    return bool(read_at_start) and not any(name.startswith(read_at_start) for name in build.env)


def _runtime(function: LocalFunction, around: Surroundings, show: Print) -> Runtime:
    try:
        choice = around.find_runtime(function.runtime)
    except UnknownRuntime as error:
        raise FunctionInvalid(f"spec.runtime: {error}") from error
    if choice.warning is not None:
        logger.warning("%s: %s", function.title, choice.warning)
        show("tidegate", choice.warning)
    return choice.runtime


def _require(runtime: Runtime, function: LocalFunction) -> None:
    """Raise FunctionInvalid unless this machine has what the runtime runs with."""
    for program in runtime.programs:
        if shutil.which(program) is None:
            raise FunctionInvalid(
                f"spec.runtime {function.runtime!r} needs {program}, which this machine does not "
                f"have: install it, or run the function on a cluster"
            )
