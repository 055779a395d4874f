"""`python -m tests.compose.engine`: run tests/compose, on a Docker made for it where there is none.

Words go to pytest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.compose.engine.engine import Engine
from tests.compose.engine.images import Images
from tests.compose.engine.programs import check_machine, configuration
from tests.fakes.installed import NotToBeHad
from tests.unit.compose.files import ROOT


def main(words: list[str]) -> int:
    """Return what pytest returned."""
    tests = [sys.executable, "-m", "pytest", "-n0", "tests/compose", *words]
    if _is_here():
        return _run(tests, {})
    try:
        check_machine()
    except NotToBeHad as error:
        print(f"left out: {error}")  # noqa: T201
        return 0
    engine = Engine(configuration())
    with engine.running():
        Images(engine.environment).build()
        return _run(engine.inside(*tests), engine.environment)


def _is_here() -> bool:
    """Say whether the machine has a Docker with Compose."""
    looks = (["docker", "info"], ["docker", "compose", "version"])
    return shutil.which("docker") is not None and not any(
        subprocess.run(look, capture_output=True, timeout=60).returncode for look in looks
    )


def _run(command: list[str], environment: dict[str, str]) -> int:
    everything = {**os.environ, **environment, "TIDEGATE_COMPOSE": "1"}
    return subprocess.run(command, cwd=ROOT, env=everything).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
