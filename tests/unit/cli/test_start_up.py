"""What a verb loads before it does anything: a command line is run again and again."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("gateway", "controllers", "runtimes", "tidegate.api", "kubernetes_asyncio", "rich", "nats")
"""What most verbs can do without: both planes, the models of objects, and libraries of others."""

CODE = """
import sys
sys.argv[1:] = {arguments!r}
from tidegate.cli import main
main()
print("loaded", *sorted(sys.modules))
"""


def loaded(*arguments: str) -> set[str]:
    """Return the modules that a command line has loaded in the end."""
    command = [sys.executable, "-c", CODE.format(arguments=list(arguments))]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    last = answer.stdout.splitlines()[-1].split()
    assert last[0] == "loaded", answer.stderr
    return set(last[1:])


def heavy(modules: set[str]) -> list[str]:
    """Return what of `modules` is heavy."""
    return [name for name in HEAVY if name in modules]


@pytest.mark.parametrize(
    "arguments",
    [
        ("function", "list", "--state", "nowhere"),
        ("function", "call", "hello", "--state", "nowhere"),
        ("function", "logs", "hello", "--state", "nowhere"),
        ("trigger", "list", "--state", "nowhere"),
    ],
)
def test_looking_at_a_place_loads_no_more_than_that_takes(arguments: tuple[str, ...]) -> None:
    assert heavy(loaded(*arguments)) == []


def test_a_verb_loads_no_other() -> None:
    modules = loaded("function", "list", "--state", "nowhere")
    assert "tidegate.cli.functions.listing" in modules
    assert not {"tidegate.cli.dlq.app", "tidegate.cli.up.command"} & modules


def test_help_loads_no_client() -> None:
    assert not {"aiohttp", "asyncio", "yaml"} & loaded("function", "--help")


def test_completion_knows_every_verb() -> None:
    command = [sys.executable, "-c", "from tidegate.cli import main; main()"]
    environment = {"_TIDEGATE_COMPLETE": "complete_bash", "COMP_WORDS": "tidegate fu",
                   "COMP_CWORD": "1"}  # fmt: skip
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert "function" in answer.stdout.split()
