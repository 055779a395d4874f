"""Virtual environments with the dependencies of functions, shared by all that ask for the same."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from controllers.local.child import Child, Command, Print, machine_env
from controllers.local.errors import PreparationFailed
from controllers.local.settings import LocalSettings
from controllers.local.state_dir import touch

SHOWN_LINES = 8
"""Last lines of the installer in the reason for its failure."""

QUIET_PIP = (
    "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off",
)  # fmt: skip


class Environments:
    """Environments below `state_dir`, named after interpreter and requirements, built once.

    An environment is built under a name of its own, which it keeps: scripts in it hold absolute
    paths. It becomes visible by a link, made when it is complete.
    """

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._root = settings.state_dir / "environments"
        self._locks: dict[str, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(settings.concurrent_installs)

    async def interpreter(self, base: str, requirements: str, show: Print) -> str:
        """Return the Python that sees `requirements`; `base` itself when there are none.

        Raises PreparationFailed with the installer's last lines.
        """
        if not meaningful(requirements):
            return base
        digest = hashlib.sha256(f"{base}\n{requirements}".encode()).hexdigest()[:32]
        link = self._root / digest
        async with self._locks.setdefault(digest, asyncio.Lock()):
            if not await asyncio.to_thread(link.exists):
                async with self._slots:
                    await self._build(base, requirements, link, show)
        folder = await asyncio.to_thread(link.resolve)
        await asyncio.to_thread(touch, folder)
        return str(folder / "bin" / "python")

    async def _build(self, base: str, requirements: str, link: Path, show: Print) -> None:
        folder = await asyncio.to_thread(self._new_folder, link.name, requirements)
        try:
            async with asyncio.timeout(self._settings.install_timeout):
                await self._run(base, ("-m", "venv", str(folder)), folder, show)
                wanted = ("-r", str(folder / "requirements.txt"))
                await self._run(str(folder / "bin" / "python"), QUIET_PIP + wanted, folder, show)
            await asyncio.to_thread(_publish, folder, link)
        except TimeoutError as error:
            raise PreparationFailed(
                "installing spec.deps: not complete after "
                f"{self._settings.install_timeout:g} s; check the network and the package index"
            ) from error
        finally:
            await asyncio.to_thread(_discard_unless_published, folder, link)

    def _new_folder(self, digest: str, requirements: str) -> Path:
        self._root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{digest}.", dir=self._root)).resolve()
        (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
        return folder

    async def _run(
        self, program: str, arguments: tuple[str, ...], folder: Path, show: Print
    ) -> None:
        tail: deque[str] = deque(maxlen=SHOWN_LINES)

        def keep(stream: str, line: str) -> None:
            tail.append(line)
            show("install", line)

        command = Command((program, *arguments), installer_env(os.environ), folder)
        child = await Child.start(command, self._settings.logs, keep)
        try:
            await child.exited_within(self._settings.install_timeout)
        finally:
            await child.kill()
        if child.code != 0:
            words = "\n".join(tail) or "it said nothing"
            raise PreparationFailed(
                f"installing spec.deps failed with code {child.code}; correct spec.deps. "
                f"The installer's last words:\n{words}"
            )


def meaningful(requirements: str) -> bool:
    """Tell whether any line asks for something."""
    lines = (line.strip() for line in requirements.splitlines())
    return any(line and not line.startswith("#") for line in lines)


def installer_env(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the installer gets: it may need the user's PIP_ settings, functions never do."""
    pip = {name: value for name, value in environment.items() if name.startswith("PIP_")}
    return machine_env(environment) | pip


def _discard_unless_published(folder: Path, link: Path) -> None:
    if link.resolve() != folder:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, link: Path) -> None:
    try:
        link.symlink_to(folder.name)
    except FileExistsError:  # another process was faster, with the same requirements
        return
