"""What the step that installs for Python says when pip fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runtimes.catalog import RUNTIMES

STEP = RUNTIMES["python3.11"].install
PIP = """\
#!/bin/sh
while [ "$1" != --log ]; do shift; done
echo "$LOGGED" >> "$2"
echo "ERROR: No matching distribution found for greeting" >&2
exit "$CODE"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a python3.11 that fails as pip does."""
    program = tmp_path / "python3.11"
    program.write_text(PIP)
    program.chmod(0o755)
    return tmp_path


def temporary(folder: Path) -> Path:
    """The folder for what is temporary, which every try of one pod has."""
    made = folder / "tmp"
    made.mkdir(exist_ok=True)
    return made


def run(folder: Path, logged: str, code: int) -> subprocess.CompletedProcess[str]:
    assert STEP is not None
    env = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "TMPDIR": str(temporary(folder)),
        "KUBELESS_INSTALL_VOLUME": str(folder),
        "KUBELESS_DEPS_FILE": str(folder / "requirements.txt"),
        "LOGGED": logged,
        "CODE": str(code),
    }
    command = ["/bin/sh", "-c", STEP.command]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)


@pytest.mark.regression("pip: to it, an index that refuses the password has no packages")
def test_an_index_that_refuses_is_told(folder: Path) -> None:
    reason = "Could not fetch URL https://reader:****@example.com/: 401 Client Error: Unauthorized"
    done = run(folder, f"2026-01-01T00:00:00,000 {reason} for url: https://example.com/", 1)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(reason)


def test_another_failure_is_pips_own(folder: Path) -> None:
    done = run(folder, "Could not fetch URL https://example.com/: 404 Client Error: Not Found", 2)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_what_an_earlier_try_was_refused_is_not_told_again(folder: Path) -> None:
    assert run(folder, "Could not fetch URL https://example.com/: 401 Client Error: ", 1)
    assert not list(temporary(folder).iterdir())
    assert "401" not in run(folder, "ERROR: No matching distribution found", 1).stderr


def test_an_installation_that_succeeds_says_nothing_more(folder: Path) -> None:
    assert (
        run(folder, "Could not fetch URL https://example.com/: 401 Client Error", 0).returncode == 0
    )
