"""The lanes of the runtime contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.runtimes.launcher import LANES, Lane, Launcher, Running


@pytest.fixture(scope="session", params=LANES, ids=lambda lane: lane.name)
def lane(request: pytest.FixtureRequest) -> Lane:
    """One language that this machine has."""
    found: Lane = request.param
    if found.missing is not None:
        pytest.skip(found.missing)
    return found


@pytest.fixture(scope="session")
def shared_launcher(lane: Lane, tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    """Starts servers that tests share."""
    return Launcher(lane, tmp_path_factory.mktemp(lane.name))


@pytest.fixture
def launcher(lane: Lane, tmp_path: Path) -> Launcher:
    """Starts servers of this test's own."""
    return Launcher(lane, tmp_path)


@pytest.fixture(scope="session")
def vector_servers(shared_launcher: Launcher) -> Iterator[dict[str, Running]]:
    """One server per function that the vectors call."""
    handlers = ("echo", "reply", "reply_async", "parts_async")
    contexts = {handler: shared_launcher.running(handler) for handler in handlers}
    servers = {handler: context.__enter__() for handler, context in contexts.items()}
    yield servers
    for context in contexts.values():
        context.__exit__(None, None, None)


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
