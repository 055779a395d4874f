"""`python -m tests.e2e.node [up|down]`: make a node, or remove it; else make one for tests/e2e."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from tests.e2e.node.images import ROOT
from tests.e2e.node.node import Node
from tests.fakes.installed import NotToBeHad


def main(words: list[str]) -> int:
    """Do what the words say; further words after none of these go to pytest."""
    node = Node()
    if words[:1] == ["down"]:
        node.down()
        return 0
    try:
        environment = node.environment(node.up())
    except NotToBeHad as error:
        print(f"left out: {error}")  # noqa: T201
        return 0
    if words[:1] == ["up"]:
        for name, value in environment.items():
            print(f"export {name}={shlex.quote(value)}")  # noqa: T201
        return 0
    try:
        return _tests(words, environment)
    finally:
        node.down()


def _tests(words: list[str], environment: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "tests/e2e", *words]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
