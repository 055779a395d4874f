"""Fixtures for every test: the loop must never be blocked by our own code."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests.fakes.aws_emulator import Emulators
from tests.fakes.kube_server import KubeServer
from tests.lanes import Lanes
from tests.spread import Spread, in_order
from tests.support.api_server import api_server

# looptime asks for the current loop in synchronous tests too; without this, the policy would
# make one that nobody closes.
asyncio.set_event_loop(None)

# How long an example takes is up to the machine and to who else works on it.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_configure(config: pytest.Config) -> None:
    """Have the run end with the table of lanes, and Ctrl-C heard."""
    config.pluginmanager.register(Lanes(), "lanes")
    # What a shell starts in the background is deaf to Ctrl-C, and so would be all that tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Spread:
    """Spread a run in several processes by unit."""
    return Spread(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring the tests into the order in which several processes should take them."""
    if hasattr(config, "workerinput"):
        items[:] = in_order(items)


@pytest.fixture(autouse=True)
def blocking_calls_fail(request: pytest.FixtureRequest) -> Iterator[BlockBuster | None]:
    """Raise in any test of the data plane or the control plane that blocks the event loop."""
    with blockbuster_ctx(["gateway", "controllers", "tidegate"]) as blockbuster:
        yield blockbuster


@pytest.fixture(scope="session")
def kube_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    """A real API server for all tests; each makes namespaces of its own in it."""
    with api_server(tmp_path_factory.mktemp("kube")) as server:
        yield server


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulators]:
    """Parts of AWS for all tests: they take longer to start than most tests do."""
    some = Emulators(tmp_path_factory.mktemp("aws"))
    yield some
    some.kill()
