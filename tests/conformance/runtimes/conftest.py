"""The lanes of the runtime contract."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.runtimes.lanes import LANES, Lane
from tests.conformance.runtimes.launcher import Launcher, Running

HANDLERS = {"echo": None, "reply": None, "reply_async": "async", "parts_async": "async"}
"""The functions that the vectors call, and what a language needs for them."""

BUILD_TIMEOUT = 300
"""Seconds for a test that may be the first to compile anything on this machine."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a lane's language has no notion of."""
    beyond = [item for item in items if _needed(item) & _lane(item).beyond]
    if beyond:
        config.hook.pytest_deselected(items=beyond)
        items[:] = [item for item in items if item not in beyond]
    for item in items:
        if _lane(item).build is not None:
            item.add_marker(pytest.mark.timeout(BUILD_TIMEOUT))


def _lane(item: pytest.Item) -> Lane:
    params = item.callspec.params if hasattr(item, "callspec") else {}
    lane = params.get("lane")
    return lane if isinstance(lane, Lane) else LANES[0]


def _needed(item: pytest.Item) -> set[str]:
    """The abilities that a test asks for by its marker, and its parameters by their own."""
    return {str(mark.args[0]) for mark in item.iter_markers("needs")}


@pytest.fixture(scope="session", params=LANES, ids=lambda lane: lane.name)
def lane(request: pytest.FixtureRequest) -> Lane:
    """One language that this machine has."""
    found: Lane = request.param
    if found.missing is not None:
        pytest.skip(found.missing)
    return found


@pytest.fixture(scope="session")
def builds(lane: Lane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a compiled lane keeps what it has built."""
    return tmp_path_factory.mktemp(f"{lane.name}-builds")


@pytest.fixture(scope="session")
def shared_launcher(lane: Lane, builds: Path, tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    """Starts servers that tests share."""
    return Launcher(lane, tmp_path_factory.mktemp(lane.name), builds)


@pytest.fixture
def launcher(lane: Lane, builds: Path, tmp_path: Path) -> Launcher:
    """Starts servers of this test's own."""
    return Launcher(lane, tmp_path, builds)


@pytest.fixture(scope="session")
def vector_servers(lane: Lane, shared_launcher: Launcher) -> Iterator[dict[str, Running]]:
    """One server per function that the vectors call."""
    handlers = [handler for handler, needed in HANDLERS.items() if needed not in lane.cannot]
    with ExitStack() as servers:
        yield {
            handler: servers.enter_context(shared_launcher.running(handler)) for handler in handlers
        }


@pytest.fixture
def actor(launcher: Launcher) -> Iterator[Running]:
    """A server whose function does as told, with a timeout of half a second."""
    with launcher.running("act", FUNC_TIMEOUT="0.5", FUNC_NAME="actor") as server:
        yield server


@pytest.fixture
def async_actor(launcher: Launcher) -> Iterator[Running]:
    """The same with an async function."""
    with launcher.running("act_async", FUNC_TIMEOUT="0.5", FUNC_NAME="actor") as server:
        yield server
