"""The images that pods name can do what the pods ask of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controllers.desired.config import PROVISION_IMAGE
from controllers.desired.images import CATALOG, find, is_of_the_catalog
from controllers.desired.preparation import SCRIPT
from runtimes.catalog import RUNTIMES
from runtimes.runtime import FUNCTION_FOLDER

FOLDER = Path(__file__).parents[4] / "runtimes"
TOOLS = ("curl", "tar", "unzip")
"""Those that not every Debian has."""


@pytest.mark.parametrize("tool", TOOLS)
def test_the_provision_image_has_the_tools_of_the_script(tool: str) -> None:
    text = (FOLDER / "provision" / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(rf"\b{tool}\b", SCRIPT)
    assert re.search(rf"^ +.*\b{tool}\b", text, re.MULTILINE)
    assert PROVISION_IMAGE in text


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_image_of_a_runtime_starts_its_server(name: str) -> None:
    runtime = RUNTIMES[name]
    text = (FOLDER / runtime.language / "Dockerfile").read_text(encoding="utf-8")
    assert f'"{runtime.in_a_pod.filled(runtime.command[-1])}"]' in text
    assert f"WORKDIR {FUNCTION_FOLDER}\n" in text
    assert runtime.image.partition(":")[0] in text


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_image_of_a_step_has_what_the_step_calls(name: str) -> None:
    runtime = RUNTIMES[name]
    text = (FOLDER / runtime.language / "Dockerfile").read_text(encoding="utf-8")
    for step in filter(None, (runtime.install, runtime.compile)):
        for script in re.findall(r"\$TIDEGATE_RUNTIME/(\w+)", step.command):
            copied = re.findall(r"^(?:COPY| && cp -R) (.*)$", text, re.MULTILINE)
            whole = f"runtimes/{runtime.language} {runtime.in_a_pod.files}"
            assert any(f"/{script} " in each or each == whole for each in copied)
            assert (runtime.files / script).stat().st_mode & 0o100


def test_a_name_of_kubeless_brings_back_what_its_runtime_did() -> None:
    runtime, warning = find("nodejs12", CATALOG)
    assert (runtime.name, runtime.run.env["FUNC_COMPAT"]) == ("nodejs22", "kubeless")
    assert warning.startswith("runtime nodejs12 has ended: nodejs22 runs the function")
    assert "FUNC_COMPAT" not in find("nodejs22", CATALOG)[0].run.env


@pytest.mark.parametrize(
    ("image", "is_known"),
    [
        ("tidegate/go-build:1.26", True),
        ("registry.example.com/copies/tidegate/java-build@sha256:0", True),
        ("composer:2", True),
        ("python:3.11", False),
        (None, False),
    ],
)
def test_a_step_of_the_catalog_is_known_by_its_image(image: object, is_known: bool) -> None:
    assert is_of_the_catalog(image) is is_known
