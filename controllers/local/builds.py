"""Folders in which functions run whose languages install beside the code, or compile it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controllers.desired.local import LocalFunction
from controllers.local.child import Command, Print
from controllers.local.workshop import (
    Failure,
    Workshop,
    compiling_failed,
    installer_env,
    installing_failed,
)
from runtimes.runtime import Runtime, Step
from tidegate import __version__

SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True)
class Build:
    """One function, its runtime, the folder with its code, and the variables of its author."""

    function: LocalFunction
    runtime: Runtime
    code: Path
    env: Mapping[str, str]

    def deps(self) -> str:
        """Return the dependency file's text: the archive's own counts if it brings one."""
        file = self.code / self.runtime.deps_file
        if self.function.code.carries_deps and self.runtime.deps_file and file.is_file():
            return file.read_text(encoding="utf-8", errors="replace")
        return self.function.deps

    def lock_files(self) -> list[Path]:
        """Return the files of the archive that decide what is installed."""
        if not self.function.code.carries_deps:
            return []
        files = (self.code / name for name in self.runtime.lock_files)
        return [file for file in files if file.is_file()]


class Builds:
    """Makes what a function needs in a copy of its code; what is the same is made once.

    Dependencies are installed apart, under the digest of their files, so that a change of the
    code does not install them again.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    async def folder(self, build: Build, show: Print) -> Path:
        """Return the folder to run `build` in; the code's own when nothing is to be made.

        Raises PreparationFailed with the last lines of the step that failed.
        """
        runtime = build.runtime
        deps = await asyncio.to_thread(build.deps)
        installs = runtime.install is not None and bool(deps.strip())
        if not installs and runtime.compile is None:
            return build.code
        installed = await self._installed(build, deps, show) if installs else None
        digest = _digest(
            runtime.name, build.code.name, deps, str(installed), build.function.module,
            build.function.entry if runtime.compile else "",
        )  # fmt: skip

        async def make(folder: Path) -> None:
            await asyncio.to_thread(_fill, folder, build, deps, installed)
            if runtime.compile is not None:
                await self._run(runtime.compile, compiling_failed, build, folder, show)

        return await self._workshop.folder("builds", digest, make)

    async def _installed(self, build: Build, deps: str, show: Print) -> Path:
        locks = await asyncio.to_thread(build.lock_files)
        texts = [await asyncio.to_thread(file.read_bytes) for file in locks]
        sums = (hashlib.sha256(text).hexdigest() for text in texts)
        digest = _digest(build.runtime.name, deps, *sums)

        async def make(folder: Path) -> None:
            await asyncio.to_thread((folder / build.runtime.deps_file).write_text, deps)
            for file in locks:
                await asyncio.to_thread(shutil.copy, file, folder)
            assert build.runtime.install is not None
            await self._run(build.runtime.install, installing_failed, build, folder, show)

        return await self._workshop.folder("dependencies", digest, make)

    async def _run(
        self, step: Step, failure: Failure, build: Build, folder: Path, show: Print
    ) -> None:
        places = build.runtime.on_a_laptop(folder)
        env = {
            **installer_env(os.environ),
            **build.env,
            **{name: places.filled(value) for name, value in step.env.items()},
            "KUBELESS_INSTALL_VOLUME": places.function,
            "KUBELESS_DEPS_FILE": str(folder / build.runtime.deps_file),
            "KUBELESS_FUNC_NAME": build.function.entry,
            "MOD_NAME": build.function.module,
            "TIDEGATE_RUNTIME": places.files,
        }
        command = Command((SHELL, "-c", step.command), env, folder)
        await self._workshop.run(command, failure, show)


def _fill(folder: Path, build: Build, deps: str, installed: Path | None) -> None:
    """Copy the code, write the dependency file, and link what is installed."""
    shutil.copytree(build.code, folder, dirs_exist_ok=True, symlinks=True)
    if deps.strip() and build.runtime.deps_file:
        (folder / build.runtime.deps_file).write_text(deps, encoding="utf-8")
    if installed is None:
        return
    for name in build.runtime.installed:
        if (installed / name).exists() and not (folder / name).exists():
            (folder / name).symlink_to(installed / name)


def _digest(*parts: str) -> str:
    """Return a name for everything that a build depends on, our own files among it."""
    return hashlib.sha256("\n".join((__version__, *parts)).encode()).hexdigest()[:32]
