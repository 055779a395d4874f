"""Virtual environments with the dependencies of Python functions."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from controllers.local.child import Command, Print
from controllers.local.workshop import Workshop, installer_env, installing_failed

QUIET_PIP = (
    "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off",
)  # fmt: skip


class Environments:
    """Environments named after interpreter and requirements, built once."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    async def interpreter(self, base: str, requirements: str, show: Print) -> str:
        """Return the Python that sees `requirements`; `base` itself when there are none.

        Raises PreparationFailed with the installer's last lines.
        """
        if not meaningful(requirements):
            return base
        digest = hashlib.sha256(f"{base}\n{requirements}".encode()).hexdigest()[:32]

        async def make(folder: Path) -> None:
            file = folder / "requirements.txt"
            await asyncio.to_thread(file.write_text, requirements, encoding="utf-8")
            for arguments in (
                (base, "-m", "venv", str(folder)),
                (_python(folder), *QUIET_PIP, "-r", str(file)),
            ):
                command = Command(arguments, installer_env(os.environ), folder)
                await self._workshop.run(command, installing_failed, show)

        return _python(await self._workshop.folder("environments", digest, make))


def _python(folder: Path) -> str:
    return str(folder / "bin" / "python")


def meaningful(requirements: str) -> bool:
    """Tell whether any line asks for something."""
    lines = (line.strip() for line in requirements.splitlines())
    return any(line and not line.startswith("#") for line in lines)
