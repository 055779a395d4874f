"""What a shell is told with TAB: the functions of the place, or nothing, and that soon."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.kube_memory import KubeMemory
from tests.fakes.kube_server import ADMIN
from tidegate.cli.place.kinds import FUNCTIONS
from tidegate.kube.client import connected

PATIENCE = 60.0
"""For a process on a busy machine; what is slow about it is its start. Seconds."""


@pytest.fixture
async def kubeconfig(tmp_path: Path) -> AsyncIterator[Path]:
    """One of an API server that has functions."""
    server = KubeMemory()
    server.serve(FUNCTIONS)
    async with server.running(), connected(server.access()) as client:
        for name in ("hello", "help", "quote"):
            obj: dict[str, Any] = {"metadata": {"name": name, "namespace": "default"}, "spec": {}}
            await client.create(FUNCTIONS, obj)
        yield await asyncio.to_thread(written, tmp_path / "config", server.url)


def written(path: Path, server: str) -> Path:
    """Write the configuration of who may do all at `server`."""
    document = {
        "current-context": "here",
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "users": [{"name": "one", "user": {"token": ADMIN}}],
        "contexts": [{"name": "here", "context": {"cluster": "one", "user": "one"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


async def told(words: str, environment: dict[str, str], home: Path) -> list[str]:
    """Return what a shell would offer for the last of `words`. Nothing may be said beside it."""
    kept = {name: text for name, text in os.environ.items() if name in ("PATH", "PYTHONPATH")}
    asked = {
        "_TIDEGATE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "HOME": str(home),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from tidegate.cli import main; raise SystemExit(main())",
        env=kept | asked | environment, cwd=home,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert err == b""
    return out.decode().split()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("tidegate function logs hel", ["hello", "help"]),
        ("tidegate function call -n default q", ["quote"]),
        ("tidegate trigger http create web --function-name hell", ["hello"]),
        ("tidegate function deploy hel", []),
    ],
)
async def test_names_of_functions_are_offered_where_one_is_meant(
    words: str, names: list[str], kubeconfig: Path, tmp_path: Path
) -> None:
    environment = {"KUBECONFIG": str(kubeconfig)}
    async with asyncio.timeout(PATIENCE):
        # A shell is asked again, too, where the machine was too busy for the deadline.
        while await told(words, environment, tmp_path) != names:
            assert names


async def test_without_a_place_nothing_is_offered_and_nothing_said(tmp_path: Path) -> None:
    assert await told("tidegate function logs h", {}, tmp_path) == []
    words = "tidegate function logs --state x --context y h"
    assert await told(words, {}, tmp_path) == []


async def test_a_place_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    asked = asyncio.Event()
    over = asyncio.Event()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read(-1)  # ends with the process that asks
        writer.close()
        over.set()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        config = await asyncio.to_thread(written, tmp_path / "config", f"http://{host}:{port}")
        environment = {"KUBECONFIG": str(config)}
        words = "tidegate function logs h"
        completing = asyncio.create_task(told(words, environment, tmp_path), name="a shell")
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        async with asyncio.timeout(PATIENCE / 3):  # the client itself would wait for 30 s
            await over.wait()
        assert await completing == []
