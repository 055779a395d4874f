"""Which place a command line means, and what is said when there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.place.cluster import ClusterPlace
from tidegate.cli.place.kinds import FUNCTIONS
from tidegate.cli.place.open import run
from tidegate.cli.place.place import Place
from tidegate.cli.place.target import Target, target
from tidegate.kube.errors import Denied, Forbidden, NotFound, Unauthorized, Unavailable
from tidegate.kube.selection import Selection

Config = Callable[..., Path]


async def title(place: Place) -> tuple[bool, str]:
    """Return what place it is, and its namespace; asks nothing of it."""
    return place.is_laptop, place.namespace


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user who has neither a laptop nor a cluster."""
    for name in (
        "TIDEGATE_STATE",
        "TIDEGATE_GATEWAY_NAMESPACE",
        "KUBECONFIG",
        "KUBERNETES_SERVICE_HOST",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def laptop(folder: Path, pid: int) -> Path:
    """Write what a `tidegate up` leaves in its folder."""
    folder.mkdir()
    contact = {"pid": pid, "admin": "http://127.0.0.1:1", "front": "", "nats": "", "token": "t"}
    (folder / "up.json").write_text(json.dumps(contact))
    return folder


def kubeconfig(path: Path) -> Path:
    """Write one with the contexts `here` (the current one) and `there`."""
    contexts = {"here": "shop", "there": "bank"}
    document = {
        "current-context": "here",
        "clusters": [{"name": "one", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [
            {"name": name, "context": {"cluster": "one", "namespace": namespace}}
            for name, namespace in contexts.items()
        ],
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return path


def gone() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_laptop_that_runs_here_goes_before_a_cluster(tmp_path: Path) -> None:
    laptop(tmp_path / ".tidegate", os.getpid())
    kubeconfig(tmp_path / ".kube" / "config")
    assert run(Target(), title) == (True, "default")
    assert run(Target(context="there"), title) == (False, "bank")
    assert run(Target(kubeconfig=tmp_path / ".kube" / "config"), title) == (False, "shop")


def test_a_laptop_that_has_ended_gives_way_to_the_cluster(tmp_path: Path) -> None:
    laptop(tmp_path / ".tidegate", gone())
    kubeconfig(tmp_path / ".kube" / "config")
    assert run(Target(), title) == (False, "shop")


def test_a_namespace_that_is_named_counts_on_both(tmp_path: Path) -> None:
    state = laptop(tmp_path / "state", os.getpid())
    assert run(Target("mine", state), title) == (True, "mine")
    config = kubeconfig(tmp_path / "config")
    assert run(Target("mine", kubeconfig=config), title) == (False, "mine")


def test_the_environment_names_a_laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_STATE", str(laptop(tmp_path / "other", os.getpid())))
    assert run(Target(), title) == (True, "default")


def test_the_environment_names_the_namespace_of_gateways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def home(place: Place) -> str:
        assert isinstance(place, ClusterPlace)
        return place.home

    config = kubeconfig(tmp_path / "config")
    assert run(Target(kubeconfig=config), home) == "tidegate"
    monkeypatch.setenv("TIDEGATE_GATEWAY_NAMESPACE", "events")
    assert run(Target(kubeconfig=config), home) == "events"


def test_no_place_is_one_sentence_with_both_ways() -> None:
    with pytest.raises(CommandError, match="tidegate up, or name a cluster") as caught:
        run(Target(), title)
    assert caught.value.code is ExitCode.UNREACHABLE


def test_two_places_are_a_mistake() -> None:
    with pytest.raises(CommandError, match="give one of them") as caught:
        target("", Path("x"), "y", None)
    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable("away"), ExitCode.UNREACHABLE),
        (NotFound("not there"), ExitCode.USAGE),
        (Forbidden("not allowed"), ExitCode.FAILURE),
        (Denied("not so"), ExitCode.FAILURE),
        (Unauthorized("who?"), ExitCode.FAILURE),
        (OSError(5, "broken disk"), ExitCode.FAILURE),
    ],
)
def test_whatever_fails_is_a_sentence_and_a_code(
    error: Exception, code: ExitCode, tmp_path: Path
) -> None:
    state = laptop(tmp_path / "state", os.getpid())

    async def fails(place: Place) -> None:
        raise error

    with pytest.raises(
        CommandError, match=str(error).replace("[", r"\[").replace("?", r"\?")
    ) as caught:
        run(Target(state=state), fails)
    assert caught.value.code is code


def test_a_laptop_that_falls_silent_is_not_called_an_api_server(tmp_path: Path) -> None:
    state = laptop(tmp_path / "state", os.getpid())

    async def looks(place: Place) -> None:
        await place.objects.list(Selection(FUNCTIONS, place.namespace))

    with pytest.raises(
        CommandError, match=r"`tidegate up` of .* does not answer any more;"
    ) as caught:
        run(Target(state=state), looks)
    assert caught.value.code is ExitCode.UNREACHABLE
    assert "API server" not in str(caught.value)
