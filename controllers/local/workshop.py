"""Folders that are made once per content, shared by all functions that ask for the same."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from controllers.local.child import Child, Command, Print, machine_env
from controllers.local.errors import PreparationFailed
from controllers.local.settings import LocalSettings
from controllers.local.state_dir import touch

SHOWN_LINES = 8
"""Last lines of a step in the reason for its failure."""

INSTALLERS = (
    "BUNDLE_", "CARGO_", "COMPOSER_", "GO", "MAVEN_", "NPM_", "PIP_", "npm_config_",
)  # fmt: skip
"""Beginnings of variables with which people tell installers of registries and caches."""

Make = Callable[[Path], Awaitable[None]]
"""Fills an empty folder."""


Failure = Callable[[int | None, str], str]
"""From an exit code and last words to the sentence for a status."""


def installing_failed(code: int | None, words: str) -> str:
    """Say that dependencies could not be installed."""
    return (
        f"installing spec.deps failed with code {code}; correct spec.deps. Its last words:\n{words}"
    )


def compiling_failed(code: int | None, words: str) -> str:
    """Say that the function could not be compiled."""
    return f"compiling the code failed with code {code}; correct it. Its last words:\n{words}"


class Workshop:
    """Makes folders below `state_dir`, one at a time per digest, some side by side.

    A folder is made under a name of its own, which it keeps: what is installed in it may hold
    absolute paths. It becomes visible by a link, made when it is complete.
    """

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._locks: dict[str, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(settings.concurrent_installs)

    async def folder(self, kind: str, digest: str, make: Make) -> Path:
        """Return the folder of `digest` among those of `kind`, made if it is not there.

        Raises what `make` raises, and PreparationFailed when it takes too long.
        """
        link = self._settings.state_dir / kind / digest
        async with self._locks.setdefault(f"{kind}/{digest}", asyncio.Lock()):
            if not await asyncio.to_thread(link.exists):
                await self._made(link, make)
        folder = await asyncio.to_thread(link.resolve)
        await asyncio.to_thread(touch, folder)
        return folder

    async def _made(self, link: Path, make: Make) -> None:
        folder = await asyncio.to_thread(_new_folder, link)
        try:
            async with self._slots, asyncio.timeout(self._settings.install_timeout):
                await make(folder)
                await asyncio.to_thread(_publish, folder, link)
        except TimeoutError as error:
            raise PreparationFailed(
                "preparing the function: not complete after "
                f"{self._settings.install_timeout:g} s; check the network and the package index"
            ) from error
        finally:
            await asyncio.to_thread(_discard_unless_published, folder, link)

    async def run(self, command: Command, failure: Failure, show: Print) -> None:
        """Run one command; raises PreparationFailed with its last lines."""
        tail: deque[str] = deque(maxlen=SHOWN_LINES)

        def keep(stream: str, line: str) -> None:
            tail.append(line)
            show("install", line)

        child = await Child.start(command, self._settings.logs, keep)
        try:
            await child.exited_within(self._settings.install_timeout)
        finally:
            await child.kill()
        if child.code != 0:
            raise PreparationFailed(failure(child.code, "\n".join(tail) or "it said nothing"))


def installer_env(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what installers get: they may need the user's own settings, functions never do."""
    own = {name: value for name, value in environment.items() if name.startswith(INSTALLERS)}
    return machine_env(environment) | own


def _new_folder(link: Path) -> Path:
    link.parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{link.name}.", dir=link.parent)).resolve()


def _publish(folder: Path, link: Path) -> None:
    try:
        link.symlink_to(folder.name)
    except FileExistsError:  # another process was faster, with the same content
        return


def _discard_unless_published(folder: Path, link: Path) -> None:
    if link.resolve() != folder:
        shutil.rmtree(folder, ignore_errors=True)
