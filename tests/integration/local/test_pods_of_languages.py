"""A pod runs a function by the same command and the same variables as a laptop does."""

from __future__ import annotations

import os
import shutil
import time
import urllib.request
from pathlib import Path

import pytest

from controllers.desired.environment import process_env
from controllers.desired.local import local_function
from runtimes.catalog import find
from tests.fakes.ports import free_port
from tests.support.pods import PATIENCE, PodHere
from tidegate.api.function import Function
from tidegate.api.loader import load

EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "languages").glob("*.yaml"))
OF_THE_POD = {"FUNC_PORT", "PYTHONPATH", "NODE_PATH"}
OF_THE_LAPTOP = {"FUNC_HOST", "FUNC_PORT"}


@pytest.fixture(params=EXAMPLES, ids=lambda file: file.stem)
def function(request: pytest.FixtureRequest) -> Function:
    """An example whose language this machine has."""
    (found,) = (one for one in load(request.param.read_text(), "x")[0] if isinstance(one, Function))
    for program in find(found.spec.runtime).runtime.programs:
        if shutil.which(program) is None:
            pytest.skip(f"{request.param.stem}: there is no {program} on this machine")
    return found


def answered(port: int) -> str:
    """Ask until the function answers, as a readiness probe does."""
    deadline = time.monotonic() + PATIENCE
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/", b'{"name": "Ada"}', {"Content-Type": "application/json"}
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_what_the_deployment_says_makes_the_function_answer(
    function: Function, tmp_path: Path
) -> None:
    pod = PodHere(function, tmp_path, os.environ)
    pod.prepare()
    port = free_port()
    with pod.serving(port):
        assert answered(port) == "Hello, Ada!"


def test_pod_and_laptop_tell_the_server_the_same(function: Function, tmp_path: Path) -> None:
    pod = PodHere(function, tmp_path, os.environ).env()
    laptop = process_env(local_function(function), {}, pod["KUBELESS_INSTALL_VOLUME"], "127.0.0.1")
    assert pod.keys() - OF_THE_POD == laptop.keys() - OF_THE_LAPTOP
    for name in laptop.keys() - OF_THE_LAPTOP:
        assert (name, pod[name]) == (name, laptop[name])
