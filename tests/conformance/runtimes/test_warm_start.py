"""Servers that are loaded before they know their function."""

from __future__ import annotations

import json

import pytest

from tests.conformance.runtimes.lanes import Lane
from tests.conformance.runtimes.launcher import DEADLINE, Launcher, Running, gone, wait_until

pytestmark = pytest.mark.needs("warm start")


def tell(server: Running, lane: Lane, handler: str, **env: str) -> None:
    """Say what to become, and that it is all."""
    environment = {
        "MOD_NAME": "contract",
        "FUNC_HANDLER": lane.entry(handler),
        "FUNC_HOST": "127.0.0.1",
        "FUNC_PORT": "0",
        "FUNC_PORT_FILE": str(server.folder / "port"),
        "KUBELESS_INSTALL_VOLUME": str(lane.functions),
        **env,
    }
    line = json.dumps({"env": environment, "folder": str(server.folder)})
    assert server.process.stdin is not None
    server.process.stdin.write(f"{line}\n".encode())
    server.process.stdin.flush()


def become(server: Running, lane: Lane, handler: str, **env: str) -> None:
    """Make it serve a function of the suite."""
    tell(server, lane, handler, **env)
    wait_until((server.folder / "port").exists, server.process)
    server.port = int((server.folder / "port").read_text())
    wait_until(lambda: server.call("/readyz").status == 200, server.process)


def test_a_warm_server_becomes_the_function_that_it_is_told(launcher: Launcher, lane: Lane) -> None:
    with launcher.warm() as server:
        become(server, lane, "reply")
        assert server.call("/text").body == "grüße".encode()


def test_a_warm_server_has_the_told_environment_alone(launcher: Launcher, lane: Lane) -> None:
    with launcher.warm(FUNC_RUNTIME="another", FUNC_NAME="another") as server:
        become(server, lane, "context", FUNC_NAME="told")
        context = server.call("/").json()
        assert (context["name"], context["runtime"]) == ("told", None)


def test_a_warm_server_that_is_told_nonsense_ends_with_a_sentence(
    launcher: Launcher, lane: Lane
) -> None:
    with launcher.warm() as server:
        tell(server, lane, "reply", FUNC_PORT="http")
        assert server.process.wait(DEADLINE) == 2
        assert server.stderr.startswith("FUNC_PORT is 'http'")


def test_a_warm_server_that_is_never_told_ends_well(launcher: Launcher) -> None:
    with launcher.warm() as server:
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(DEADLINE) == 0
        assert (server.stdout, server.stderr) == ("", "")


def test_a_warm_server_that_is_killed_leaves_no_process(launcher: Launcher) -> None:
    with launcher.warm() as server:
        wait_until(lambda: bool(server.descendants()), server.process)
        left = server.descendants()
        server.process.kill()
        wait_until(lambda: all(gone(pid) for pid in left))
