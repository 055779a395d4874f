"""The places that transcripts are played at."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.kube_server import KubeServer
from tests.integration.up.running import Up, running
from tests.support.stage import Stage
from tests.transcripts.terminal import ROOT, Terminal
from tidegate.cli.place.kinds import FUNCTIONS, TRIGGERS
from tidegate.cli.place.open import opened
from tidegate.cli.place.target import Target
from tidegate.kube.errors import Denied
from tidegate.kube.objects import key_of
from tidegate.kube.selection import Selection


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """A `tidegate up` of examples/hello, whose function takes calls."""
    folder = tmp_path_factory.mktemp("laptop")
    shutil.copytree(ROOT / "examples" / "hello", folder / "hello")
    async with running(folder, paths=(Path("hello"),)) as one:
        await one.says("default/hello: takes calls")
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def laptop(up: Up) -> AsyncIterator[Terminal]:
    """A terminal beside it; what its verbs made is gone afterwards."""
    yield Terminal(up.folder, {"FRONT": up.url})
    async with opened(Target(state=up.folder / ".tidegate")) as place:
        for resource in (*TRIGGERS.values(), FUNCTIONS):
            for one in (await place.objects.list(Selection(resource))).items:
                with suppress(Denied):  # it is of the example's own files
                    await place.objects.delete(resource, key_of(one))


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(kube_server: KubeServer, tmp_path: Path) -> AsyncIterator[Terminal]:
    """A terminal with a kubeconfig of a namespace of its own, where controllers work."""
    async with Stage(kube_server, tmp_path).running() as stage:
        yield Terminal(tmp_path, stage.variables)


@pytest.fixture
def nowhere(tmp_path: Path) -> Terminal:
    """A terminal with no place at all."""
    return Terminal(tmp_path)
