"""The second function of a language gets a server that was loaded before."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from controllers.local.child import Child, Command, machine_env
from controllers.local.probe import answers_ok
from controllers.local.settings import LocalSettings
from controllers.local.warm import WarmServers
from runtimes.catalog import RUNTIMES
from runtimes.runtime import Runtime
from tests.support.laptop import PATIENCE, wait_until_gone
from tests.support.waiting import until

CODE = {
    "python3.11": "import os\ndef main(event, context): return os.getcwd()\n",
    "nodejs22": "exports.main = () => process.cwd();\n",
}


@pytest.fixture(params=CODE)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    found = RUNTIMES[request.param]
    for program in found.programs:
        if shutil.which(program) is None:
            pytest.skip(f"{found.language}: there is no {program} on this machine")
    return found


@pytest.fixture
async def servers(settings: LocalSettings) -> AsyncIterator[WarmServers]:
    servers = WarmServers(settings)
    yield servers
    await servers.close()


class Started:
    """A function's process, and what it printed."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        folder.mkdir()
        (folder / f"hello{runtime.file_suffix}").write_text(CODE[runtime.name])
        self._port_file = folder / "port"
        self._printed: list[str] = []
        self.folder = folder
        self.command = command(runtime, folder)
        self.child: Child | None = None

    async def start(self, servers: WarmServers) -> int:
        """Start it, and return its process id."""
        self.child = await servers.start(self.command, lambda _, line: self._printed.append(line))
        return self.child.pid

    async def answer(self) -> str:
        """What it says when it is ready."""
        await until(self._port_file.exists, PATIENCE)
        address = ("127.0.0.1", int(self._port_file.read_text()))
        async with aiohttp.ClientSession() as session:
            await until(lambda: any("ready on" in line for line in self._printed), PATIENCE)
            assert await answers_ok(session, address, "/readyz", PATIENCE)
            async with session.get(f"http://127.0.0.1:{address[1]}/") as response:
                return await response.text()

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.kill()


def command(runtime: Runtime, folder: Path) -> Command:
    places = runtime.on_a_laptop(folder)
    program = shutil.which(runtime.command[0]) or shutil.which("python3") or ""
    env = {
        **machine_env(),
        "MOD_NAME": "hello",
        "FUNC_HANDLER": "main",
        "FUNC_HOST": "127.0.0.1",
        "FUNC_PORT": "0",
        "FUNC_PORT_FILE": str(folder / "port"),
        "KUBELESS_INSTALL_VOLUME": str(folder),
    }
    arguments = (program, *(places.filled(word) for word in runtime.command[1:]))
    return Command(arguments, env, folder, can_be_warm=True)


async def test_the_second_function_becomes_of_what_waited(
    servers: WarmServers, runtime: Runtime, tmp_path: Path
) -> None:
    one, two = Started(runtime, tmp_path / "one"), Started(runtime, tmp_path / "two")
    try:
        await one.start(servers)
        assert servers.waiting == ()
        await until(lambda: servers.waiting, PATIENCE)
        (waited,) = servers.waiting
        assert await two.start(servers) == waited
        assert await one.answer() == str(one.folder)
        assert await two.answer() == str(two.folder)
    finally:
        await one.stop()
        await two.stop()


async def test_what_waits_is_taken_once_and_ended_at_the_end(
    settings: LocalSettings, tmp_path: Path
) -> None:
    runtime = RUNTIMES["python3.11"]
    servers = WarmServers(settings)
    functions = [Started(runtime, tmp_path / str(number)) for number in range(3)]
    try:
        await functions[0].start(servers)
        await until(lambda: servers.waiting, PATIENCE)
        (waited,) = servers.waiting
        pids = [await each.start(servers) for each in functions[1:]]
        assert pids[0] == waited != pids[1]
        await until(lambda: servers.waiting, PATIENCE)
        (left,) = servers.waiting
    finally:
        await servers.close()
        for each in functions:
            await each.stop()
    wait_until_gone([left])
