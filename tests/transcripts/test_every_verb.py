"""No verb is left out of the transcripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tidegate.cli.verbs import application

HERE = Path(__file__).parent

UNTIL_A_SIGNAL = frozenset({"up", "controller", "gateway"})
"""These are the places themselves; tests/integration and tests/kube run them as processes."""

ON_A_LAPTOP_ONLY = frozenset({"function init", "function test", "runtime list", "validate"})
ANYWHERE = frozenset({"completion", "cron next"})
ON_A_CLUSTER_ONLY = frozenset({"check", "install", "migrate"})


def _verbs(command: typer.core.TyperGroup, names: tuple[str, ...] = ()) -> Iterator[str]:
    for name, one in command.commands.items():
        if isinstance(one, typer.core.TyperGroup):
            yield from _verbs(one, (*names, name))
        elif not one.hidden:
            yield " ".join((*names, name))


def _missing(verbs: set[str], *places: str) -> set[str]:
    played = "\n".join(
        one.read_text() for place in places for one in (HERE / place).glob("**/*.txt")
    )
    return {verb for verb in verbs if not re.search(rf"^\$.*tidegate {verb}\b", played, re.M)}


@pytest.fixture
def verbs() -> set[str]:
    """Every verb but those that run until a signal."""
    command = typer.main.get_command(application())
    assert isinstance(command, typer.core.TyperGroup)
    return set(_verbs(command)) - UNTIL_A_SIGNAL


def test_every_verb_is_played_on_a_laptop(verbs: set[str]) -> None:
    assert not _missing(verbs - ON_A_CLUSTER_ONLY, "laptop", "nowhere")


def test_every_verb_of_a_cluster_is_played_on_one(verbs: set[str]) -> None:
    assert not _missing(verbs - ON_A_LAPTOP_ONLY - ANYWHERE, "cluster")
