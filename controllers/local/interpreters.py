"""Which Python runs a function: the version that its runtime names, or else our own."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

PROBE_TIMEOUT = 10.0
PROBE = "import sys; print(*sys.version_info[:2], sep='.')"


class Interpreters:
    """Finds interpreters on PATH, once per version."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    async def find(self, version: str) -> str:
        """Return the path of a Python `version` ("3.12"), or of our own base interpreter."""
        if version not in self._found:
            self._found[version] = await self._search(version)
        return self._found[version]

    async def _search(self, version: str) -> str:
        if version == own_version():
            return await asyncio.to_thread(own_interpreter)
        path = await asyncio.to_thread(shutil.which, f"python{version}")
        if path is not None and await _reported_version(path) == version:
            return path
        return await asyncio.to_thread(own_interpreter)


def own_version() -> str:
    """Return the version that runs this program, as 3.12."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def own_interpreter() -> str:
    """Return the interpreter below our virtual environment: functions must not see our packages."""
    base = Path(sys.base_prefix, "bin", f"python{own_version()}")
    return str(base) if base.exists() else sys.executable


async def _reported_version(path: str) -> str:
    """Ask the program itself: version switchers put stand-ins on PATH that only fail."""
    process = await asyncio.create_subprocess_exec(
        path, "-I", "-S", "-c", PROBE,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            output, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode("ascii", "replace").strip()
