"""What the Dockerfile installs runs by itself, and writes nothing but its state."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import aiohttp
import pytest

from gateway.settings import AdminSettings
from tests.integration.image.steps import Machine
from tests.integration.up.running import Up
from tests.support.ended import killed_at_last
from tests.unit.compose.files import ROOT, dockerfile
from tidegate import __version__

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has below /opt/tidegate."""
    machine = Machine(tmp_path_factory.mktemp("image"))
    machine.build()
    # Only this is in the image: nothing may lead back to what it was made of.
    shutil.rmtree(machine.source)
    shutil.rmtree(machine.root / "base")
    return machine.installation


async def started(installation: Path, folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    """Start a program of the image with nothing of ours in its environment."""
    program, *rest = arguments
    environment = {
        "PATH": f"{installation / 'bin'}:{os.defpath}",
        "HOME": str(folder),
        "TIDEGATE_STATE": str(folder / ".tidegate"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with (folder / "up.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            installation / "bin" / program,
            *rest,
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )


def written(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return when each file and folder was changed last, and its size."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in found.items()}


async def test_the_command_says_its_version(installation: Path, tmp_path: Path) -> None:
    process = await started(installation, tmp_path, "tidegate", "version")
    async with asyncio.timeout(30):
        assert await process.wait() == 0
    assert (tmp_path / "up.log").read_text() == f"tidegate {__version__}\n"


def test_nothing_that_builds_is_in_it(installation: Path) -> None:
    (packages,) = installation.glob("lib/python*/site-packages")
    names = {path.name.partition("-")[0] for path in packages.glob("*.dist-info")}
    assert {"tidegate", "aiokafka", "aiobotocore", "nats_py"} <= names
    assert names.isdisjoint({"pip", "setuptools", "hatchling", "editables"})


async def test_an_example_runs_from_it_and_writes_its_state_only(
    installation: Path, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "examples" / "hello", tmp_path / "hello")
    before = written(installation), written(tmp_path / "hello")
    ports = ("--port", "0", "--admin-port", "0")
    process = await started(installation, tmp_path, "tidegate", "up", "hello", *ports)
    up = Up(tmp_path, process)
    async with killed_at_last(process):
        await up.says("default/hello: takes calls")
        assert await greeted(up) == "Hello, Ada!"
        assert await health(installation, up) == 0
        assert await up.stop() == 0, up.log
        assert "; drift 0" in up.log
        assert await health(installation, up) != 0
    assert (written(installation), written(tmp_path / "hello")) == before


async def greeted(up: Up) -> str:
    """Call the example."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{up.url}/hello", json={"name": "Ada"}) as answer,
    ):
        return await answer.text()


async def health(installation: Path, up: Up) -> int:
    """Return what Docker would hear, from a gateway on another port; 1 when there is none."""
    (check,) = (one for one in dockerfile() if one.name == "HEALTHCHECK")
    program, *rest = check.exec_form()
    try:
        port = up.contact["admin"].rpartition(":")[2]
    except FileNotFoundError:
        port = "1"
    arguments = [part.replace(str(AdminSettings().port), port) for part in rest]
    process = await started(installation, up.folder, program, *arguments)
    async with asyncio.timeout(30):
        return await process.wait()
