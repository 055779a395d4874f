"""A function's first hour in every language: begun, tested, changed, without anything running."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtimes.catalog import RUNTIMES
from runtimes.runtime import Runtime

COMMAND = Path(sys.executable).with_name("tidegate")
NEWEST = {runtime.language: runtime for runtime in RUNTIMES.values()}
PATIENCE = 50.0


def tidegate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.fixture(params=NEWEST.values(), ids=lambda runtime: runtime.language)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    found: Runtime = request.param
    for program in found.programs:
        if shutil.which(program) is None:
            pytest.skip(f"{found.language}: there is no {program} on this machine")
    return found


def test_what_init_writes_passes_its_own_cases(tmp_path: Path, runtime: Runtime) -> None:
    begun = tidegate(tmp_path, "function", "init", "hello-you", "--runtime", runtime.language)
    assert (begun.returncode, begun.stderr) == (0, "")
    tried = tidegate(tmp_path, "function", "test", "hello-you")
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout == (
        "passed  hello-you: greets whom the event names\n"
        "passed  hello-you: greets the world when nobody is named\n"
    )


def test_a_case_that_fails_shows_both_answers(tmp_path: Path) -> None:
    tidegate(tmp_path, "function", "init", "hello", "--runtime", "exec")
    cases = tmp_path / "hello" / "cases.toml"
    cases.write_text('[[case]]\nname = "a"\nanswer = "Hi"\nstatus = 201\n')
    tried = tidegate(tmp_path, "function", "test", "hello")
    assert tried.returncode == 1
    assert tried.stdout == (
        "FAILED  hello: a\n        status 200, not 201\n"
        "        it answered 'Hello, world!'\n        and not     'Hi'\n"
    )
    assert tried.stderr.endswith("tidegate: 1 of 1 cases failed\n")


def test_a_function_that_cannot_run_is_told_with_its_reason(tmp_path: Path) -> None:
    tidegate(tmp_path, "function", "init", "hello", "--runtime", "exec")
    manifest = tmp_path / "hello" / "function.yaml"
    manifest.write_text(manifest.read_text().replace("#!/bin/sh", "no program"))
    tried = tidegate(tmp_path, "function", "test", "hello")
    assert tried.returncode == 1
    last = tried.stderr.splitlines()[-1]
    assert last.startswith("tidegate: function hello cannot run: ")
    assert "is not executable and has no first line like #!/bin/sh" in last


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("init", "Hello", "-r", "exec"), "'Hello' cannot name a function: use at most 63"),
        (("init", "hello", "-r", "pyton3.12"), "did you mean python3.12"),
        (("test", "."), "there is no cases.toml with cases beside the manifests"),
        (("test", ".", "-d", "x"), "there is no Function in these files"),
        (("test", "nowhere"), "there is no file or folder nowhere"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    tried = tidegate(tmp_path, "function", *arguments)
    assert (tried.returncode, tried.stdout) == (2, "")
    assert sentence in tried.stderr
    assert tried.stderr.count("\n") == 1


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    assert tidegate(tmp_path, "function", "init", "hello", "-r", "exec").returncode == 0
    again = tidegate(tmp_path, "function", "init", "hello", "-r", "python")
    assert (again.returncode, again.stdout) == (2, "")
    assert "hello/function.yaml is there already" in again.stderr
