"""`tidegate install` and `check` where there is no real cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.fakes.kube_memory import KubeMemory
from tests.fakes.ports import free_port
from tests.support.waiting import until
from tidegate.cli.app import app
from tidegate.cli.cluster.bundle import Variant, bundle, resource_of
from tidegate.cli.cluster.install import install
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import ObjectKey, key_of
from tidegate.kube.resources import CUSTOM_RESOURCE_DEFINITIONS
from tidegate.kube.selection import Selection

OBJECTS = bundle(Variant())
DEFINITIONS = Selection(CUSTOM_RESOURCE_DEFINITIONS)
KUBECONFIG = """
current-context: one
contexts: [{name: one, context: {cluster: one, user: one}}]
clusters: [{name: one, cluster: {server: "http://127.0.0.1:%d"}}]
users: [{name: one, user: {token: t}}]
"""


@pytest.fixture
async def client() -> AsyncIterator[KubeClient]:
    """A client of an API server that establishes no definition by itself."""
    server = KubeMemory()
    for one in OBJECTS:
        server.serve(resource_of(one))
    async with server.running(), connected(server.access()) as made:
        yield made


async def until_defined(client: KubeClient, count: int) -> None:
    """Return once so many definitions are there."""
    async with asyncio.timeout(30):
        while len((await client.list(DEFINITIONS)).items) < count:  # noqa: ASYNC110 - a server
            await asyncio.sleep(0.01)


def has_been_said(key: ObjectKey, lines: list[str]) -> bool:
    """Tell whether one of `lines` names an object."""
    return any(str(key) in line for line in lines)


async def test_each_definition_is_served_before_the_next_object_is_applied(
    client: KubeClient,
) -> None:
    said: list[str] = []
    task = asyncio.create_task(install(client, OBJECTS, said.append), name="install")
    wanted = [one for one in OBJECTS if one["kind"] == "CustomResourceDefinition"]
    for number, crd in enumerate(wanted, 1):
        await until_defined(client, number)
        assert not has_been_said(key_of(crd), said)
        established = {"conditions": [{"type": "Established", "status": "True"}]}
        await client.patch_status(CUSTOM_RESOURCE_DEFINITIONS, key_of(crd), established)
        await until(partial(has_been_said, key_of(crd), said), 30)
    await task
    assert len(said) == len(OBJECTS)


async def test_without_a_definition_nothing_behind_it_is_applied(client: KubeClient) -> None:
    said: list[str] = []
    task = asyncio.create_task(install(client, OBJECTS, said.append), name="install")
    await until_defined(client, 1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert said == ["Namespace tidegate applied"]


@pytest.mark.parametrize("verb", ["install", "check"])
def test_a_kubeconfig_that_is_not_there_is_a_wrong_use(verb: str, tmp_path: Path) -> None:
    path = tmp_path / "nowhere"
    result = CliRunner().invoke(app, [verb, "--kubeconfig", str(path)])
    assert isinstance(result.exception, CommandError)
    assert result.exception.code is ExitCode.USAGE
    assert str(path) in str(result.exception)


@pytest.mark.parametrize("verb", ["install", "check"])
def test_a_cluster_that_does_not_answer_is_told_from_one_that_refuses(
    verb: str, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG % free_port())
    result = CliRunner().invoke(app, [verb, "--kubeconfig", str(path)])
    assert isinstance(result.exception, CommandError)
    assert result.exception.code is ExitCode.UNREACHABLE
    assert "cannot be reached" in str(result.exception)
